import marimo

app = marimo.App()


@app.cell
def _():
    import hashlib
    from urllib.parse import unquote

    import marimo as mo

    return hashlib, mo, unquote


@app.cell
def _(mo, unquote):
    headers = mo.app_meta().request.headers
    mo.md(f"Hello, {unquote(headers['x-user-name'])}! Your address is {headers['x-user-email']}")
    return


@app.cell
def _(mo):
    add = mo.ui.button(label="Add one", value=0, on_click=lambda count: count + 1)
    upload = mo.ui.file(label="A file")
    mo.vstack([add, upload, mo.Html('<a id="logout" href="/_gate/logout">Log out</a>')])
    return add, upload


@app.cell
def _(add, hashlib, mo, upload):
    who = mo.app_meta().request.headers["x-user-email"]
    got = upload.contents() or b""
    mo.md(f"Counted {add.value} for {who}. Received {len(got)} bytes, {hashlib.sha256(got).hexdigest()}")
    return


if __name__ == "__main__":
    app.run()

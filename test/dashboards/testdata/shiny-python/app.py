"""A dashboard of Shiny for Python that shows who looks at it."""

import hashlib
from urllib.parse import unquote

from shiny import App, render, ui

app_ui = ui.page_fluid(
    ui.h1("Figures"),
    ui.p("Signed in as ", ui.output_text("email", inline=True), " or ", ui.output_text("name", inline=True)),
    ui.p("Looking at ", ui.output_text("query", inline=True)),
    ui.input_action_button("add", "Count"),
    ui.output_text("count"),
    ui.input_file("file", "A file"),
    ui.output_text("received"),
    ui.a("Log out", href="/_gate/logout", id="logout"),
)


def server(input, output, session):
    headers = session.http_conn.headers

    @render.text
    def email():
        return headers["X-User-Email"]

    @render.text
    def name():
        return unquote(headers["X-User-Name"])

    @render.text
    def query():
        return session.clientdata.url_search()

    @render.text
    def count():
        return f"Counted {input.add()}"

    @render.text
    def received():
        files = input.file()
        if not files:
            return ""
        with open(files[0]["datapath"], "rb") as f:
            data = f.read()
        return f"Received {len(data)} bytes {hashlib.md5(data).hexdigest()}"


app = App(app_ui, server)

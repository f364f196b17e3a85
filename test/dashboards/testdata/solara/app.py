import hashlib
from urllib.parse import unquote

import solara
import solara.lab


@solara.component
def Page():
    headers = solara.lab.headers.value or {}
    count, set_count = solara.use_state(0)
    received, set_received = solara.use_state("")

    def receive(file):
        got = file["file_obj"].read()
        set_received(f"Received {len(got)} bytes, {hashlib.sha256(got).hexdigest()}")

    if headers:
        solara.Text(f"Hello, {unquote(headers['x-user-name'][0])}! Your address is {headers['x-user-email'][0]}")
    solara.Button("Add one", on_click=lambda: set_count(count + 1), classes=["add"])
    solara.Text(f"Counted {count}")
    solara.FileDrop(on_file=receive, lazy=True)
    solara.Text(received)
    solara.HTML("a", "Log out", attributes={"id": "logout", "href": "/_gate/logout"})

import hashlib
import os
from urllib.parse import unquote

from fastapi import Request
from nicegui import ui


@ui.page("/")
def page(request: Request):
    ui.label(f"Hello, {unquote(request.headers['x-user-name'])}! Your address is {request.headers['x-user-email']}")
    count = 0

    def add():
        nonlocal count
        count += 1
        counted.set_text(f"Counted {count}")

    ui.button("Add one", on_click=add).classes("add")
    counted = ui.label("Counted 0")

    async def receive(event):
        got = await event.file.read()
        received.set_text(f"Received {len(got)} bytes, {hashlib.sha256(got).hexdigest()}")

    ui.upload(on_upload=receive, auto_upload=True)
    received = ui.label()
    ui.button("Log out", on_click=lambda: ui.navigate.to("/_gate/logout")).classes("logout")


ui.run(host=os.environ["HOST"], port=int(os.environ["PORT"]), show=False, reload=False)

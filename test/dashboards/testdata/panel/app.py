"""A Panel app as Panel's guide has it. It learns who is signed in from the headers of
the request for its page."""

import hashlib
from urllib.parse import unquote

import panel as pn

pn.extension(disconnect_notification='The connection was lost. <a href="/_gate/ended">Sign in again</a>')

name = unquote(pn.state.headers["X-User-Name"])
quarter = pn.state.session_args.get("quarter", [b"-"])[0].decode()
count = pn.pane.HTML('<p id="count">Counted 0</p>')
tick = pn.pane.HTML('<p id="tick">Tick 0</p>')
received = pn.pane.HTML('<p id="received"></p>')
add, upload = pn.widgets.Button(name="Add one"), pn.widgets.FileInput()
ticks = 0


def counted(event):
    count.object = f'<p id="count">Counted {add.clicks}</p>'


def ticked():
    global ticks
    ticks += 1
    tick.object = f'<p id="tick">Tick {ticks}</p>'


def uploaded(event):
    received.object = f'<p id="received">Received {len(event.new)} bytes, {hashlib.sha256(event.new).hexdigest()}</p>'


add.on_click(counted)
upload.param.watch(uploaded, "value")
pn.state.add_periodic_callback(ticked, 500)
pn.Column(
    pn.pane.HTML(f'<p id="who">Hello, {name}! Your address is {pn.state.headers["X-User-Email"]}</p>'),
    pn.pane.HTML(f'<p id="query">Quarter {quarter}</p>'),
    add,
    count,
    tick,
    upload,
    received,
    pn.pane.HTML('<a id="logout" href="/_gate/logout">Log out</a>'),
).servable()

"""A Bokeh app as Bokeh's guide has it. It learns who is signed in from the headers of
the request for its page."""

import base64
import hashlib
from urllib.parse import unquote

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button, Div, FileInput

request = curdoc().session_context.request
name = unquote(request.headers["X-User-Name"])
who = Div(text=f'<p id="who">Hello, {name}! Your address is {request.headers["X-User-Email"]}</p>')
query = Div(text=f'<p id="query">Quarter {request.arguments.get("quarter", [b"-"])[0].decode()}</p>')
count = Div(text='<p id="count">Counted 0</p>')
tick = Div(text='<p id="tick">Tick 0</p>')
received = Div(text='<p id="received"></p>')
logout = Div(text='<a id="logout" href="/_gate/logout">Log out</a>')
add, upload = Button(label="Add one"), FileInput()
clicks = ticks = 0


def counted():
    global clicks
    clicks += 1
    count.text = f'<p id="count">Counted {clicks}</p>'


def ticked():
    global ticks
    ticks += 1
    tick.text = f'<p id="tick">Tick {ticks}</p>'


def uploaded(attr, old, new):
    data = base64.b64decode(new)
    received.text = f'<p id="received">Received {len(data)} bytes, {hashlib.sha256(data).hexdigest()}</p>'


add.on_click(counted)
upload.on_change("value", uploaded)
curdoc().add_periodic_callback(ticked, 500)
curdoc().add_root(column(who, query, add, count, tick, upload, received, logout))

"""A Dash app as Dash's guide has it. It learns who is signed in from the headers of
each callback's request."""

import base64
import hashlib
from urllib.parse import unquote

from dash import Dash, Input, Output, dcc, html
from flask import request

app = Dash(__name__)
app.layout = html.Div(
    [
        dcc.Location(id="url"),
        html.P(id="who"),
        html.P(id="query"),
        html.Button("Add one", id="add"),
        html.P(id="count"),
        dcc.Interval(id="clock", interval=500),
        html.P(id="tick"),
        dcc.Upload(html.Button("Choose a file"), id="upload"),
        html.P(id="received"),
        html.A("Log out", id="logout", href="/_gate/logout"),
    ]
)


@app.callback(Output("who", "children"), Output("query", "children"), Input("url", "search"))
def who(search):
    name = unquote(request.headers["X-User-Name"])
    return f"Hello, {name}! Your address is {request.headers['X-User-Email']}", f"Query {search}"


@app.callback(Output("count", "children"), Input("add", "n_clicks"))
def count(clicks):
    return f"Counted {clicks or 0} for {request.headers['X-User-Email']}"


@app.callback(Output("tick", "children"), Input("clock", "n_intervals"))
def tick(n):
    return f"Tick {n}"


@app.callback(Output("received", "children"), Input("upload", "contents"), prevent_initial_call=True)
def received(contents):
    data = base64.b64decode(contents.partition(",")[2])
    return f"Received {len(data)} bytes, {hashlib.sha256(data).hexdigest()}"


if __name__ == "__main__":
    app.run()

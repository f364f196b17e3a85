"""A Gradio app as Gradio's guide has it. A function learns who called it from its
gr.Request."""

import hashlib
import time
from pathlib import Path
from urllib.parse import unquote

import gradio as gr


def who(request: gr.Request):
    name = unquote(request.headers["X-User-Name"])
    return f"Hello, {name}! Your address is {request.headers['X-User-Email']}", f"Query {request.query_params}"


def add(n, request: gr.Request):
    return n + 1, f"Counted {n + 1} for {request.headers['X-User-Email']}"


def count_slowly():
    for n in range(1000):
        yield f"Step {n}"
        time.sleep(0.2)


def received(path):
    data = Path(path).read_bytes()
    return f"Received {len(data)} bytes, {hashlib.sha256(data).hexdigest()}", path


with gr.Blocks() as demo:
    hello, query = gr.Markdown(elem_id="who"), gr.Markdown(elem_id="query")
    demo.load(who, None, [hello, query])
    n, count = gr.State(0), gr.Markdown("Counted 0", elem_id="count")
    gr.Button("Add one", elem_id="add").click(add, n, [n, count])
    step = gr.Markdown("Step", elem_id="step")
    gr.Button("Count slowly", elem_id="slowly").click(count_slowly, None, step)
    upload, text, back = gr.File(elem_id="upload"), gr.Markdown(elem_id="received"), gr.File(elem_id="back")
    upload.upload(received, upload, [text, back])
    gr.Button("Log out", link="/logout", elem_id="logout")

demo.launch()

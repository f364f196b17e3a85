"""The first page: who you are, a chart that lives, a button and an upload."""

import hashlib
import random
from urllib.parse import unquote

import streamlit as st

st.title("Sales desk")

headers = st.context.headers
with st.container(border=True, key="whoami"):
    left, right = st.columns(2)
    with left:
        st.caption("st.user")
        st.text(st.user.get("email", "nobody"))
        st.text(unquote(st.user.get("name", "")))  # percent-encoded when not ASCII
    with right:
        st.caption("st.context.headers")
        st.text(headers.get("X-User-Email", "nobody"))
        st.text(unquote(headers.get("X-User-Name", "")))

with st.container(key="query"):
    item = st.query_params.get("item")
    st.write(f"Showing item {item}" if item else "Showing all items. Add ?item=42 to the address for one.")

st.subheader("Orders a minute")


@st.fragment(run_every=1.0)
def orders():
    """Adds one point a second, each over the page's WebSocket."""
    series = st.session_state.setdefault("orders", [50.0])
    series.append(max(0.0, series[-1] + random.uniform(-5, 5)))
    del series[:-60]
    st.line_chart(series, height=180)
    st.caption(f"Now {series[-1]:.1f}")


with st.container(key="orders"):
    orders()

st.subheader("Count")
st.session_state.setdefault("count", 0)


def add_one():
    st.session_state.count += 1


st.button("Add one", on_click=add_one, key="add")
with st.container(key="count"):
    st.write(f"Counted {st.session_state.count}")

st.subheader("Upload")
upload = st.file_uploader("A file of any kind, up to 200 MB", key="upload")
with st.container(key="received"):
    if upload:
        digest = hashlib.sha256(upload.getbuffer()).hexdigest()
        st.write(f"Received {upload.size} bytes")
        st.code(digest, language=None)

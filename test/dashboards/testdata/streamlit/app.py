"""An app written for Streamlit's own sign-in, st.login: its documentation's example,
with something to do for those who are signed in. It knows nothing of sidegate."""

import hashlib

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if not st.user.is_logged_in:
    if st.button("Log in"):
        st.login()
else:
    if st.button("Log out", key="logout"):
        st.logout()
    if st.button("Log in as somebody else", key="login"):
        st.login()
    st.write(f"Hello, {st.user.name}!")
    st.write("Your address is", st.user.email)

    st.session_state.setdefault("count", 0)
    if st.button("Add one", key="add"):
        st.session_state.count += 1
    st.text(f"Counted {st.session_state.count}")

    if upload := st.file_uploader("A file", key="upload"):
        st.text(f"Received {upload.size} bytes, {hashlib.sha256(upload.getvalue()).hexdigest()}")

    st.code(get_script_run_ctx().session_id, language=None)

"""An ordinary Streamlit app. It imports nothing of sidegate and holds no login code.

Who the visitor is comes with the request: st.context.headers has the headers that
sidegate sends, and st.user has the same once Streamlit is told to trust them with
the setting server.trustedUserHeaders (see docker-compose.yml).
"""

import streamlit as st

st.set_page_config(page_title="Sales desk", page_icon=":material/monitoring:")

page = st.navigation(
    [
        st.Page("pages/desk.py", title="Desk", icon=":material/monitoring:", default=True),
        st.Page("pages/reports.py", title="Reports", icon=":material/description:"),
    ]
)

with st.sidebar:
    if st.user.get("email"):
        st.caption("Signed in as")
        st.text(st.user.email)
        st.button("Log out", on_click=st.logout, key="logout")
    else:
        st.caption("Nobody is signed in: this app was opened without sidegate in front of it.")

page.run()

"""A second page, to show that a link to it survives the sign-in."""

import streamlit as st

st.title("Reports")

with st.container(key="whoami"):
    st.text(f"Prepared for {st.user.get('email', 'nobody')}")

with st.container(key="query"):
    st.write(f"Quarter {st.query_params.get('quarter', 'of this year')}")

st.bar_chart({"North": [12, 19, 23, 31], "South": [9, 14, 25, 28]}, height=240)

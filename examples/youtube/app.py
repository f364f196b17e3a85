"""Your own YouTube channel in figures: a complete Streamlit app. It holds no login code,
imports nothing of sidegate, and never sees a password or a refresh token.

access_token and credentials are copied from docs/tokens.md. What is this app's own begins
below them.
"""

import datetime, json, os, time, urllib.error, urllib.parse, urllib.request

import streamlit as st
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

# sidegate's private listener; `sidegate run` and `sidegate demo` say where it is.
SIDEGATE = os.environ.get("GATE_ADMIN_URL", "http://127.0.0.1:8081")


class ConnectNeeded(Exception):
    """The person has to grant access first: link to .url + "&rd=/path/to/come/back/to"."""

    def __init__(self, url):
        super().__init__("the person has to grant access first")
        self.url = url


# Without a proxy: the ticket is for sidegate alone.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def access_token(ticket, *scopes, refused=""):
    """Returns a person's access token, and when it ends (Unix time). refused is one that an
    API answered 401 to: another is made, or it turns out that access was withdrawn."""
    query = urllib.parse.urlencode({"scopes": " ".join(scopes)})
    headers = {"X-User-Ticket": ticket, "X-Refused-Token": refused}
    request = urllib.request.Request(f"{SIDEGATE}/token?{query}", headers=headers)
    try:
        with _direct.open(request, timeout=30) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as e:
        said = json.load(e)
        if "connect_url" in said:
            raise ConnectNeeded(said["connect_url"]) from None
        raise  # 401: the session is over; 503: try again shortly
    return said["access_token"], said["expires_at"]


def credentials(ticket, *scopes):
    """Credentials for google-api-python-client and everything else on google-auth."""

    last = ""

    def refresh(request, scopes):
        nonlocal last
        # Asked again, the last one was refused by the API or is over.
        last, ends = access_token(ticket, *scopes, refused=last)
        # google-auth refuses what ends within 3:45 minutes. Whatever ends sooner it will try,
        # be answered 401 by the API, and come here again, all by itself.
        ends = max(ends, time.time() + 240)
        return last, datetime.datetime.fromtimestamp(ends, datetime.timezone.utc).replace(tzinfo=None)

    return Credentials(token=None, scopes=list(scopes), refresh_handler=refresh)


SCOPE = "https://www.googleapis.com/auth/youtube.readonly"
YOUTUBE = os.environ.get("YOUTUBE_API", "https://youtube.googleapis.com")


def my_channels(ticket):
    """What YouTube says about the visitor's own channels."""
    options = {"api_endpoint": YOUTUBE + "/"}
    with build("youtube", "v3", credentials=credentials(ticket, SCOPE), client_options=options) as youtube:
        return youtube.channels().list(part="snippet,statistics", mine=True).execute().get("items", [])


@st.fragment(run_every="60s")  # for as long as the page is open
def show_channels(ticket):
    with st.container(key="channels"):
        try:
            channels = my_channels(ticket)
            if not channels:
                st.info("This account has no YouTube channel.")
            for channel in channels:
                show(channel)
        except ConnectNeeded as e:
            st.write("To show your channel, this app has to read it at YouTube in your name. Granting that opens a new tab.")
            st.link_button("Connect YouTube", e.url + "&rd=/", type="primary")
        except HttpError as e:
            if e.status_code == 401:  # withdrawn at Google a moment ago, and nobody knows yet
                st.warning("YouTube does not accept the access that you granted. Try again later, or disconnect it and grant it anew.")
                st.link_button("What is connected", "/_gate/")
            else:
                st.error(f"YouTube answers {e.status_code}: {e.reason}")
        except OSError as e:
            if getattr(e, "code", None) == 401:
                st.error("Your session has ended. Reload the page to sign in again.")
            else:
                st.error("There is no answer at the moment. Try again shortly.")
    with st.container(key="asked"):
        st.caption(f"Asked at {datetime.datetime.now():%H:%M:%S}")
    st.button("Refresh", key="refresh")


def show(channel):
    st.subheader(channel["snippet"]["title"])
    for column, (label, name) in zip(
        st.columns(3), [("Views", "viewCount"), ("Subscribers", "subscriberCount"), ("Videos", "videoCount")]
    ):
        column.metric(label, f"{int(channel['statistics'].get(name, 0)):,}")


st.set_page_config(page_title="My channel", page_icon=":material/smart_display:")
st.title("My channel")
ticket = st.context.headers.get("X-User-Ticket")
if ticket:
    show_channels(ticket)
else:
    st.info("No ticket came with the request. Start this app behind sidegate, with SIDEGATE_CONNECT_SCOPES set: see README.md.")

// The session of this page may end while the page stays: its calls are refused, its
// sockets closed, and what it showed last is still on the screen. This script hides
// that and says so. It is served by sidegate and stands in the app's page as a guest:
// no global, nothing of the page's patched, no code made of text, no markup, no
// connection held open.
(() => {
"use strict";
if (self !== top) return; // the page around a frame says it

const least = 3_000, stale = 10_000, most = 30_000, patience = 10_000; // ms
const own = (path) => location.origin + path; // a <base> of the app's is not for us
const userinfo = own("/_gate/userinfo");

let person; // whose page this is, once that is known
let curtain; // what hides the page, while it does
let channel; // to the other tabs

// The one thing that counts is what sidegate says to a question of ours. All that
// happens in the page is only a reason to ask, soon, and never often.
let pause = least; // between two questions
let asked = -most, timer = 0, asking = false, again = false;
let refused = false; // a call of the page's, since the last question

function look() {
	if (asking) again = true;
	else timer ||= setTimeout(ask, Math.max(0, asked + pause - performance.now()));
}

// hurry is for what the person does: what slowed us down may be over.
function hurry() {
	pause = least;
	clearTimeout(timer);
	timer = 0;
	look();
}

async function ask() {
	const suspected = refused;
	timer = 0;
	asking = true;
	again = refused = false;
	asked = performance.now();
	let next = Math.min(pause * 2, most); // in trouble: that says nothing of the session
	try {
		const answer = await fetch(userinfo, {
			cache: "no-store", credentials: "same-origin", redirect: "error",
			headers: {Accept: "application/json"}, signal: AbortSignal.timeout(patience),
		});
		if (answer.status === 401) {
			next = least;
			cover();
		} else if (answer.ok) {
			const {iss, sub} = await answer.json();
			if (!suspected) next = least; // else the app refuses calls of its own accord
			if (sub) found(JSON.stringify([iss, sub]));
		}
	} catch {
		// No network, or no answer that is sidegate's.
	}
	pause = next;
	asking = false;
	if (again) look();
}

// found: somebody is signed in.
function found(who) {
	if (person === undefined && !curtain) {
		person = who;
		channel.postMessage(who);
	} else if (who !== person) {
		location.reload(); // what it shows is not theirs
	} else {
		uncover();
	}
}

function cover() {
	if (curtain) return;
	curtain = hang();
	curtain.hold();
	channel.postMessage("ended");
}

function uncover() {
	curtain?.drop();
	curtain = undefined;
}

// signIn is where a sign-in begins that comes back to the page as it is now, or as
// much of its address as sidegate takes along.
function signIn() {
	const {pathname, search, hash} = location;
	const back = [pathname + search + hash, pathname + search, pathname].find((a) => a.length <= 2048);
	return own("/_gate/login?rd=" + encodeURIComponent(back ?? "/"));
}

const style = `
:host {
	--ground: #eef1f5; --card: #ffffff; --ink: #1a1f27; --soft: #57606e; --line: #dde2e9;
	--accent: #2a59c8; --on-accent: #ffffff;
}
@media (prefers-color-scheme: dark) {
	:host {
		--ground: #0e1116; --card: #171c24; --ink: #e7eaf0; --soft: #9ba6b5; --line: #2b333f;
		--accent: #8fb2ff; --on-accent: #0b1630;
	}
}
* { box-sizing: border-box; }
dialog, dialog:modal {
	position: fixed; inset: 0; width: 100%; height: 100%; max-width: none; max-height: none; margin: 0; border: 0; padding: 1rem;
	display: grid; place-items: center; overflow: auto; color-scheme: light dark;
	background: var(--ground); color: var(--ink); outline: 0; cursor: default; user-select: text;
	font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
}
dialog::backdrop { background: var(--ground); }
section {
	width: 100%; max-width: 28em; padding: 1.75em 1.5em;
	background: var(--card); border: 1px solid var(--line); border-radius: 14px;
	box-shadow: 0 1px 2px rgb(0 0 0 / 5%), 0 12px 32px -12px rgb(0 0 0 / 14%);
}
h1 { margin: 0 0 .5em; font-size: 1.5em; line-height: 1.25; font-weight: 650; letter-spacing: -.012em; text-wrap: balance; }
p { margin: .75em 0; }
p:last-child { margin-bottom: 0; color: var(--soft); font-size: .9375em; }
a {
	display: inline-block; margin: .75em 0; padding: .625em 1.125em; border: 1px solid var(--accent); border-radius: 9px;
	background: var(--accent); color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
a:hover { filter: brightness(1.08); }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
@media (max-width: 480px) { a { display: block; margin: 1.5em 0; } }
@media (forced-colors: active) { section, a { border-color: currentColor; } }
`;

// What is beside the screen shows up in print and in pictures of the whole page. The
// app's layout stays as it is.
const veil = ":root > :not(sidegate-notice) { opacity: 0 !important; transition: none !important; }";

// hang builds the curtain: a modal dialog, above everything that the app can lift; no
// keyboard and no screen reader reaches the rest of the page.
function hang() {
	const make = (name, text) => Object.assign(document.createElement(name), text ? {textContent: text} : {});
	const host = make("sidegate-notice"), dialog = make("dialog"), section = make("section");
	const title = make("h1", "Your session has ended"), link = make("a", "Sign in again");
	const why = make("p", "What this page shows is hidden until you are signed in. You come back to this very page.");
	const hint = make("p", "Signed in again in another tab? Then this goes away by itself.");
	title.id = "title";
	why.id = "why";
	link.target = "_self"; // whatever the app's <base> says
	for (const [name, value] of [["role", "dialog"], ["aria-modal", "true"], ["aria-labelledby", "title"], ["aria-describedby", "why"], ["closedby", "none"]]) {
		dialog.setAttribute(name, value);
	}
	host.lang = "en";
	host.dir = "ltr";
	// No rule of the app's outdoes these; a policy against inline styles does not mind.
	host.style.cssText = "all: initial !important; display: block !important; position: fixed !important; inset: 0 !important; z-index: 2147483647 !important";
	section.append(title, why, link, hint);
	dialog.append(section);
	const root = host.attachShadow({mode: "closed"}), sheet = new CSSStyleSheet(), outer = new CSSStyleSheet();
	sheet.replaceSync(style); // no policy against inline styles is about these
	outer.replaceSync(veil);
	root.adoptedStyleSheets = [sheet];
	root.append(dialog);

	// What is typed and clicked now is not for the app, whose hidden page it would change.
	function keep(event) {
		if (event.key === "Escape") event.preventDefault();
		event.stopImmediatePropagation();
	}
	const acts = ["keydown", "keypress", "keyup", "click", "pointerdown", "pointerup", "mousedown", "mouseup"];
	for (const act of acts) addEventListener(act, keep, true);
	dialog.addEventListener("cancel", (event) => event.preventDefault());
	dialog.addEventListener("close", () => hold());

	// hold keeps it where it is, above what the app puts up later and whatever the app
	// takes away, and keeps up with the address.
	function hold() {
		if (curtain?.host !== host) return;
		link.href = signIn();
		if (!document.adoptedStyleSheets.includes(outer)) document.adoptedStyleSheets = [...document.adoptedStyleSheets, outer];
		if (!host.isConnected) document.documentElement.append(host);
		if (!dialog.matches(":modal")) raise();
		if (document.activeElement !== host) link.focus();
		if (document.activeElement !== host) raise(); // another modal dialog is above it
	}
	function raise() {
		dialog.close(); // one that was taken out of the page is open, but modal no more
		dialog.showModal();
	}
	const holding = setInterval(hold, 1_000);
	function drop() {
		clearInterval(holding);
		for (const act of acts) removeEventListener(act, keep, true);
		curtain = undefined;
		document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== outer);
		dialog.close(); // gives the focus back
		host.remove();
	}
	return {host, hold, drop};
}

// Reasons to ask. A call that was refused (401, and 424 where an app's page would give up
// on a 401), of which browsers tell when the app has read the answer to its end:
new PerformanceObserver((list) => {
	for (const call of list.getEntries()) {
		if (!curtain && [401, 424].includes(call.responseStatus) && call.name.startsWith(own("/")) && call.name !== userinfo) {
			refused = true;
			look();
		}
	}
}).observe({type: "resource", buffered: true});
// the person does something, which over a closed socket would do nothing, is back, or
// the network is;
for (const act of ["pointerdown", "keydown"]) {
	addEventListener(act, () => { if (performance.now() - asked > stale) hurry(); }, {capture: true, passive: true});
}
addEventListener("focus", hurry);
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => { if (!document.hidden) hurry(); });
addEventListener("pageshow", (event) => { if (event.persisted) hurry(); });
// nothing at all, for long;
setInterval(() => { if (!document.hidden) look(); }, most);
// and another tab, in which somebody has signed in or out. An open channel can keep a
// page out of the cache that Back is served from.
function listen() {
	channel?.close();
	channel = new BroadcastChannel("sidegate");
	channel.onmessage = ({data}) => { if (curtain || data !== person) look(); };
}
addEventListener("pagehide", () => channel.close());
addEventListener("pageshow", listen);
listen();
look();
})();

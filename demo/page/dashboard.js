"use strict";

// The live chart and the echo button of the sample dashboard.
// No library: one WebSocket, one SVG.

const shown = 60000;        // milliseconds on screen
const highest = 100;        // top of the value axis
const left = 32;            // pixels for its labels
const sessionEnded = 1008;  // close code "policy violation": the session is over

const find = (id) => document.getElementById(id);
const samples = [];
let sent = null;            // the message that is under way: {text, at}
let count = 0;

const address = new URL("/live", location.href);
address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(address);

socket.onopen = () => setState("live");

socket.onmessage = (event) => {
  const message = JSON.parse(event.data);
  if (message.samples) {
    samples.push(...message.samples);
    const newest = samples.at(-1);
    while (samples.length > 1 && samples[1].at < newest.at - shown) {
      samples.shift();
    }
    find("value").textContent = newest.value.toFixed(1);
    draw();
  }
  if (sent && message.echo === sent.text) {
    const took = performance.now() - sent.at;
    find("echo").textContent = `“${sent.text}” came back after ${took.toFixed(1)} ms.`;
    sent = null;
  }
};

socket.onclose = (event) => {
  const ended = event.code === sessionEnded;
  setState(ended ? "ended" : "disconnected");
  find("ended-text").textContent = ended ? "Your session has ended." : "Disconnected.";
  find("again").textContent = ended ? "Sign in again" : "Reload to sign in again";
  find("ended").hidden = false;
};

find("send").onclick = () => {
  count++;
  sent = { text: `hello ${count}`, at: performance.now() };
  socket.send(sent.text);
};

function setState(state) {
  find("state").textContent = state;
  find("state").dataset.state = state;
  document.body.dataset.state = state;
  find("send").disabled = state !== "live";
}

function draw() {
  const chart = find("chart");
  const { width, height } = chart.getBoundingClientRect();
  const newest = samples.at(-1).at;
  const x = (at) => width - (width - left) * (newest - at) / shown;
  const y = (value) => height - height * value / highest;
  const points = samples.filter((s) => newest - s.at <= shown).map((s) => `${x(s.at).toFixed(1)},${y(s.value).toFixed(1)}`);
  const parts = [];
  for (const value of [0, 25, 50, 75, 100]) {
    parts.push(shape("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }));
    parts.push(shape("text", { x: 0, y: y(value) + 4 }, value));
  }
  const [first, last] = [points[0], points.at(-1)].map((p) => p.split(","));
  parts.push(shape("polygon", { class: "area", points: [`${first[0]},${height}`, ...points, `${last[0]},${height}`].join(" ") }));
  parts.push(shape("polyline", { class: "line", points: points.join(" ") }));
  parts.push(shape("circle", { class: "dot", r: 4, cx: last[0], cy: last[1] }));
  chart.replaceChildren(...parts);
}

function shape(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.textContent = text;
  return element;
}

new ResizeObserver(() => samples.length && draw()).observe(find("chart"));

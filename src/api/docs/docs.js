// Sends the request of a form and shows its answer, events as they come. Without this script the page can still be read.
"use strict";

const MULTIPART = "multipart/form-data";

// Of a body that can be sent in several ways, the fields of the chosen one are shown.
for (const choice of document.querySelectorAll("select[data-in=type]")) {
  const choose = () => {
    for (const field of choice.form.querySelectorAll("[data-for]")) {
      field.hidden = (field.dataset.for === MULTIPART) !== (choice.value === MULTIPART);
    }
  };
  choice.addEventListener("change", choose);
  choose();
}

// What a form asks for: address and options of fetch.
function request(form) {
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = "Bearer " + token;
  let path = form.dataset.path;
  let type = "";
  let text = "";
  const query = new URLSearchParams();
  const parts = new FormData();
  for (const input of form.querySelectorAll("[data-in]")) {
    const place = input.dataset.in;
    const value = input.value.trim();
    if (!value) continue;
    if (place === "path") path = path.replace("{" + input.name + "}", encodeURIComponent(value));
    else if (place === "query") query.append(input.name, value);
    else if (place === "header") headers[input.name] = value;
    else if (place === "type") type = value;
    else if (place === "file") for (const file of input.files) parts.append(input.name, file);
    else text = input.value;
  }
  const options = { method: form.dataset.method.toUpperCase(), headers };
  // The browser itself says how the parts of a form are told apart.
  if (type === MULTIPART) options.body = parts;
  else if (text) {
    options.body = text;
    headers["Content-Type"] = type;
  }
  return [query.size ? path + "?" + query : path, options];
}

async function show(answer, output) {
  const text = await answer.text();
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON: as it is */ }
  output.textContent = answer.status + " " + answer.statusText + "\n" + shown;
}

// Events as they come, until the stream ends.
async function follow(answer, output) {
  output.textContent = answer.status + " " + answer.statusText + "\n";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      // A comment keeps the connection alive.
      if (!event.startsWith(":")) output.append(event + "\n\n");
    }
    output.scrollTop = output.scrollHeight;
  }
  output.append("The stream has ended.\n");
}

// What each form waits for; asked again, it waits for the new answer alone.
const waiting = new WeakMap();

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const output = form.querySelector("output");
  const control = new AbortController();
  waiting.get(form)?.abort();
  waiting.set(form, control);
  output.textContent = "…";
  try {
    const [url, options] = request(form);
    const answer = await fetch(url, { ...options, signal: control.signal });
    const streams = answer.headers.get("content-type")?.startsWith("text/event-stream");
    await (streams ? follow(answer, output) : show(answer, output));
  } catch (error) {
    if (waiting.get(form) === control) output.append(control.signal.aborted ? "Stopped.\n" : String(error));
  }
});

document.addEventListener("click", (event) => {
  if (event.target.matches("[data-stop]")) waiting.get(event.target.form)?.abort();
});

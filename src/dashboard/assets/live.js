// Brings the parts of a page that change up to date. An element with data-live names its own fragment; it is asked for
// again when data-events, a stream of server-sent events, says something, and every data-every seconds. Without this
// script the page shows what was known when it was loaded.
"use strict";

const KINDS = ["phase-opened", "phase-finished", "run-finished", "run-cancelled", "task-dead", "message"];
const PAUSE = 1000;

for (const place of document.querySelectorAll("[data-live]")) live(place);

function live(place) {
  let asking = false;
  let again = false;

  const refresh = async () => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(place.dataset.live, { redirect: "error" });
      if (answer.ok) swap(place, await answer.text());
      place.classList.toggle("late", !answer.ok);
    } catch {
      place.classList.add("late");
    }
    setTimeout(() => {
      asking = false;
      if (again) {
        again = false;
        refresh();
      }
    }, PAUSE);
  };

  if (place.dataset.events) {
    const source = new EventSource(place.dataset.events);
    for (const kind of KINDS) source.addEventListener(kind, refresh);
    source.addEventListener("run-finished", () => source.close());
  }
  const every = Number(place.dataset.every);
  if (every > 0) {
    const timer = setInterval(() => {
      if (place.querySelector("[data-ended]")) clearInterval(timer);
      else if (!document.hidden) refresh();
    }, every * 1000);
  }
}

// Whoever types or has something open keeps it, with what was typed. Many actions have the same name: each says which
// one it is with data-key.
const name = (details) => details.dataset.key ?? details.querySelector("summary")?.textContent;
const fields = (details) => details.querySelectorAll("input:not([type=hidden]), select, textarea");

function swap(place, text) {
  const focused = document.activeElement;
  if (place.contains(focused) && focused.matches("input, select, textarea")) return;
  const typed = (details) => [...fields(details)].map((field) => field.value);
  const open = new Map([...place.querySelectorAll("details[open]")].map((details) => [name(details), typed(details)]));
  const summary = focused?.matches("summary") && place.contains(focused) ? name(focused.parentElement) : null;
  const path = focused && place.contains(focused) ? focused.getAttribute("href") : null;
  const next = new DOMParser().parseFromString(text, "text/html");
  place.replaceChildren(...next.body.childNodes);
  for (const details of place.querySelectorAll("details")) {
    const values = open.get(name(details));
    details.open = values !== undefined;
    if (values) fields(details).forEach((field, at) => { field.value = values[at] ?? field.value; });
    if (summary !== null && name(details) === summary) details.querySelector("summary").focus();
  }
  if (path) place.querySelector(`[href="${CSS.escape(path)}"]`)?.focus();
}

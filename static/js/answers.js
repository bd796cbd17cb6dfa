// A topic's page: says what is saved and what is not, tries again when the connection is back, and explains a
// mistake while it is typed. Markup: <form data-answers> with [data-answer] around each field. Uses desk.js.
"use strict";

const GUID = /^\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i;
const RETRY_SECONDS = 10;
const form = () => document.querySelector("form[data-answers]");
const state = (words, time) => {
  const place = document.querySelector("[data-save-state]");
  if (!place) return;
  place.textContent = words;
  if (!time) return;
  const when = document.createElement("time");
  when.dateTime = new Date().toISOString();
  when.dataset.relative = "";
  place.append(" ", when);
  tick();
};

/* A refused secret is not written back by the server; what was typed comes back from here. */
const typed = new Map();
const waiting = new Set(); // the names of fields whose change did not go through

const secretIn = (answer) => answer?.querySelector('[data-kind="secret"]');
document.addEventListener("htmx:beforeRequest", (event) => {
  const answer = event.target.closest("[data-answer]");
  if (!answer) return;
  const secret = secretIn(answer);
  if (secret) typed.set(secret.name, secret.value);
  state(form().dataset.saving);
});
document.addEventListener("htmx:afterSettle", (event) => {
  const answer = event.target.closest?.("[data-answer]");
  if (!answer || event.detail.requestConfig?.verb !== "post") return;
  const error = answer.querySelector(".field-error");
  const secret = secretIn(answer);
  if (secret) {
    if (error) secret.value = typed.get(secret.name) ?? "";
    typed.delete(secret.name);
  }
  suggestZones(answer);
  if (error) {
    state("");
    say(`${answer.dataset.answer}: ${error.textContent.trim()}`);
  } else {
    state(form().dataset.kept, true);
    say(`${form().dataset.kept}: ${answer.dataset.answer}`);
  }
});

/* Offline: the field keeps what was typed, the page says so, and the change is sent again */
const failed = (event) => {
  const answer = event.target.closest("[data-answer]");
  if (!answer) return;
  waiting.add(answer.id);
  answer.classList.add("is-waiting");
  state(form().dataset.waits);
  say(form().dataset.waits);
};
document.addEventListener("htmx:sendError", failed);
document.addEventListener("htmx:timeout", failed);
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) failed(event);
});
const retry = () => {
  if (!navigator.onLine) return;
  for (const id of [...waiting]) {
    waiting.delete(id);
    const box = document.getElementById(id)?.querySelector("[hx-post]");
    if (box) htmx.trigger(box, "change");
  }
};
window.addEventListener("online", retry);
setInterval(retry, RETRY_SECONDS * 1000);
window.addEventListener("beforeunload", (event) => { if (waiting.size) event.preventDefault(); });

/* The ID of a secret in the place of the secret: said at once, in the words of the server */
on("input", "[data-secret-id]", (event, input) => {
  const field = input.closest(".field");
  const known = field.querySelector("[data-now]");
  const wrong = GUID.test(input.value.trim());
  if (wrong === Boolean(known)) return;
  input.setAttribute("aria-invalid", String(wrong));
  if (!wrong) return known.remove();
  const words = document.createElement("div");
  words.className = "field-error";
  words.dataset.now = "";
  words.textContent = input.dataset.secretId;
  field.querySelector(".with-button").after(words);
  say(input.dataset.secretId);
});

/* Time zone: this device's own is offered, and saved only when somebody takes it */
const suggestZones = (root) =>
  all("select[data-suggest-zone]", root).forEach((select) => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (select.value || select.parentElement.querySelector("[data-zone]") || ![...select.options].some((each) => each.value === zone)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm mt-2";
    button.dataset.zone = zone;
    button.textContent = select.dataset.suggestZone.replace("%(zone)s", zone.replaceAll("_", " "));
    select.after(button);
  });
on("click", "[data-zone]", (event, button) => {
  const select = button.previousElementSibling;
  select.value = button.dataset.zone;
  button.remove();
  select.dispatchEvent(new Event("change", { bubbles: true }));
});
/* The guide stands open beside the fields where there is room, and closed above them where there is not */
document.addEventListener("DOMContentLoaded", () => {
  const isWide = window.matchMedia("(min-width: 992px)").matches;
  all("details[data-open-wide]").forEach((guide) => { guide.open = isWide; });
  suggestZones(document);
});

// The set-up pages: focus after a rule or a step came or went, lists that follow, steps that show what they need.
// Without this file every button posts the form, and every field of a step is shown.
"use strict";

const announce = (root) => {
  const said = root.querySelector?.("[data-say]")?.dataset.say;
  const live = document.getElementById("desk-live");
  if (said && live && live.textContent !== said) live.textContent = said;
  const bar = document.querySelector("[data-live-bar]");
  if (said && bar) bar.textContent = said;
};

/* A list that is asked for again before it came is called off: that is no failure. A real one says so. */
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.matches?.("[hx-sync]") && !event.detail.xhr?.status) event.stopPropagation();
}, true);
document.addEventListener("htmx:sendError", (event) => {
  const note = document.getElementById("desk-offline");
  if (note && event.target.matches?.("[hx-sync]")) note.hidden = false;
});

/* A step of the mapping shows only what it uses: <div data-step-for="case date"> */
const showStep = (step) => {
  const does = step.querySelector("[data-step-do]")?.value;
  step.querySelectorAll("[data-step-for]").forEach((part) => {
    part.hidden = !part.dataset.stepFor.split(" ").includes(does);
  });
  step.querySelectorAll("optgroup").forEach((group, at) => {
    group.hidden = group.disabled = does === "case" ? at === 1 : does === "date" ? at === 0 : false;
  });
};
const showSteps = (root = document) => root.querySelectorAll("[data-step]").forEach(showStep);

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-step-do]")) showStep(event.target.closest("[data-step]"));
});

/* What somebody types while the control of a value is exchanged stays, and so does their place. */
const typing = new Map();
const written = (part) => part.querySelector("input:not([type=checkbox]), textarea");
const isValue = (part) => part?.classList?.contains("clause-value");
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.target;
  if (isValue(part)) part.dataset.sent = written(part)?.value ?? "";
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  const control = isValue(part) && written(part);
  if (!control) return;
  const typed = control.value === part.dataset.sent ? null : control.value;
  typing.set(part.id, { id: control.id, typed, focused: control === document.activeElement });
});
// At once: until it has settled, somebody may have typed on.
document.addEventListener("htmx:afterSwap", (event) => {
  const part = event.detail.target;
  const before = isValue(part) ? typing.get(part.id) : null;
  if (!before) return;
  typing.delete(part.id);
  const control = document.getElementById(before.id);
  if (!control?.matches("input, textarea")) return;
  if (before.typed !== null) control.value = before.typed;
  if (before.focused) control.focus();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const root = event.detail.target?.isConnected ? event.detail.target : document;
  announce(root);
  // An outer swap leaves the event on what it replaced; the new one is in the page by now.
  const parts = document.querySelectorAll("#builder, #attributes");
  const swapped = ["builder", "attributes"].includes(event.detail.target?.id);
  if (swapped) {
    parts.forEach((part) => {
      showSteps(part);
      const focus = document.getElementById(part.dataset.setupFocus || "");
      focus?.focus();
    });
    document.body.dispatchEvent(new CustomEvent("setup:changed"));
  } else if (isValue(event.detail.target)) {
    document.body.dispatchEvent(new CustomEvent("setup:changed"));
  }
});

document.addEventListener("DOMContentLoaded", () => showSteps());

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

/* Somebody who types on while the control of a value is exchanged keeps what they typed, and their place. */
let typing = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const active = document.activeElement;
  const inside = event.detail.target?.classList?.contains("clause-value") && event.detail.target.contains(active);
  typing = inside && active.id ? { id: active.id, value: active.value } : null;
});
const goOnTyping = () => {
  const control = typing && document.getElementById(typing.id);
  if (control && control.matches("input, textarea")) {
    control.value = typing.value;
    control.focus();
  }
  typing = null;
};

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
  } else if (event.detail.target?.classList?.contains("clause-value")) {
    goOnTyping();
    document.body.dispatchEvent(new CustomEvent("setup:changed"));
  }
});

document.addEventListener("DOMContentLoaded", () => showSteps());

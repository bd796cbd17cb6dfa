// A new request: questions that hang on another answer appear with it. Without this file all of them are shown.
"use strict";

const answerTo = (form, key) => {
  const named = [...form.querySelectorAll(`[name="${CSS.escape(key)}"]`)];
  const chosen = named.find((input) => (input.type === "radio" || input.type === "checkbox") ? input.checked : true);
  return chosen ? chosen.value.toLowerCase() : "";
};
const showQuestions = (root = document) =>
  root.querySelectorAll("[data-hangs-on]").forEach((question) => {
    question.hidden = answerTo(question.closest("form"), question.dataset.hangsOn) !== question.dataset.wanted;
  });

document.addEventListener("change", (event) => { if (event.target.closest("#questions")) showQuestions(); });
document.addEventListener("input", (event) => {
  // A reason that is typed is the choice that it belongs to.
  if (event.target.name !== "duplicate_reason") return;
  const anyway = document.querySelector('[name="beside"][value="anyway"]');
  if (anyway && event.target.value) anyway.checked = true;
});
document.addEventListener("htmx:oobAfterSwap", () => showQuestions());
document.addEventListener("DOMContentLoaded", () => showQuestions());

/* A colour is picked or typed; the preview follows. The readable ink is decided by the server when it is saved. */
document.addEventListener("input", (event) => {
  const isPick = event.target.matches("[data-colour-pick]");
  if (!isPick && !event.target.matches("[data-colour-text]")) return;
  const value = event.target.value.trim();
  if (!/^#[0-9a-f]{6}$/i.test(value)) return;
  const other = document.querySelector(isPick ? "[data-colour-text]" : "[data-colour-pick]");
  if (other) other.value = value.toLowerCase();
  document.querySelector("[data-colour-ground]")?.setAttribute("fill", value);
});

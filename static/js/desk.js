// Behaviour of the frame. Markup says what it wants by data attributes; nothing here knows a page.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (type, selector, handler) =>
  document.addEventListener(type, (event) => {
    const target = event.target instanceof Element ? event.target.closest(selector) : null;
    if (target) handler(event, target);
  });
const say = (words) => {
  const live = document.getElementById("desk-live");
  if (live) live.textContent = words;
};

/* Colour scheme: <button data-theme-set="light|dark|auto"> */
const showTheme = () =>
  all("[data-theme-set]").forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === window.deskTheme.chosen())));
on("click", "[data-theme-set]", (event, button) => {
  window.deskTheme.set(button.dataset.themeSet);
  showTheme();
});

/* What is typed into a filter is asked for while it is typed. To ask once more when its field is left would take away
   what somebody chooses in the list by that very click. */
document.addEventListener("change", (event) => {
  if (event.target.matches?.('form[hx-trigger^="input changed"] :is([type=search], [inputmode])')) event.stopPropagation();
}, true);

/* Where the device is, so that the server shows times as they are here (portal.middleware) */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax${secure}`;
}

/* Times: <time datetime data-relative>; the same words as words_between in desk.py, in the page's language */
const spans = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
const JUST_NOW = { de: "gerade eben" };
const wordsBetween = (when, now) => {
  const seconds = Math.trunc((now - when) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return JUST_NOW[document.documentElement.lang] ?? "just now";
  if (size >= 30 * 86400) return null;
  const [unit, word] = size < 60 ? [1, "second"] : size < 3600 ? [60, "minute"] : size < 86400 ? [3600, "hour"] : [86400, "day"];
  return spans.format(-Math.sign(seconds) * Math.floor(size / unit), word);
};
const tick = () =>
  all("time[data-relative]").forEach((element) => {
    const words = wordsBetween(new Date(element.dateTime), Date.now());
    if (words && element.textContent !== words) element.textContent = words;
  });

/* Sending twice: the button that was pressed shows data-busy and rests until the answer is here */
const rest = (form, button) => {
  if (!button || form.dataset.sending) return;
  form.dataset.sending = "yes";
  setTimeout(() => {
    button.dataset.label = button.innerHTML;
    if (button.dataset.busy) button.textContent = button.dataset.busy;
    button.disabled = true;
    button.classList.add("is-busy");
  });
};
const wake = (form) => {
  delete form.dataset.sending;
  all("button.is-busy", form).concat(all(`button.is-busy[form="${form.id}"]`)).forEach((button) => {
    button.innerHTML = button.dataset.label;
    button.disabled = false;
    button.classList.remove("is-busy");
  });
};
on("submit", "form[method=post]", (event, form) => {
  if (event.submitter?.getAttribute("formmethod") === "dialog") return;
  if (form.dataset.sending) event.preventDefault();
  else if (!event.defaultPrevented || form.matches("[hx-post]")) {
    rest(form, event.submitter || form.querySelector("button:not([type=button])"));
  }
});
window.addEventListener("pageshow", () => all("form[data-sending]").forEach(wake));

/* Copy: <button data-copy="#id"> or <button data-copy-text="words"> */
on("click", "[data-copy], [data-copy-text]", async (event, button) => {
  const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : null;
  const words = button.dataset.copyText ?? source?.value ?? source?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(words.trim());
    say("Copied");
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 2000);
  } catch {
    if (source?.select) source.select();
    else if (source) window.getSelection().selectAllChildren(source);
    say("Press Ctrl+C to copy");
  }
});

/* Dialogs: <button data-dialog="id"> opens <dialog id>; data-reveal="id" shows a password field's text */
on("click", "[data-dialog]", (event, button) => document.getElementById(button.dataset.dialog)?.showModal());
on("click", "[data-dialog-close]", (event, button) => button.closest("dialog").close());
on("click", "[data-reveal]", (event, button) => {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
});

/* Combobox: <div data-combobox> with input[role=combobox], [role=listbox] filled by htmx, [role=option][data-fill-NAME] */
const parts = (box) => ({ input: box.querySelector("[role=combobox]"), list: box.querySelector("[role=listbox]") });
const options = (box) => all("[role=option]:not([aria-disabled=true])", box);
const open = (box, isOpen) => {
  const { input, list } = parts(box);
  list.hidden = !isOpen;
  input.setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) mark(box, null);
};
const mark = (box, option) => {
  const { input } = parts(box);
  options(box).forEach((each) => each.setAttribute("aria-selected", String(each === option)));
  if (option) {
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
};
const fill = (form, name, value) =>
  all(`[name="${CSS.escape(name)}"]`, form).forEach((input) => {
    input.value = value;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
const pick = (box, option) => {
  const { input } = parts(box);
  input.value = option.dataset.value ?? option.textContent.trim();
  const names = option.getAttributeNames().filter((name) => name.startsWith("data-fill-"));
  names.forEach((name) => fill(box.closest("form"), name.slice(10), option.getAttribute(name)));
  box.dataset.filled = names.map((name) => name.slice(10)).join(" ");
  box.classList.add("is-picked");
  open(box, false);
  say(`${input.value} chosen`);
  box.dispatchEvent(new CustomEvent("desk:picked", { bubbles: true }));
};
const unpick = (box) => {
  box.classList.remove("is-picked");
  (box.dataset.filled ?? "").split(" ").filter(Boolean).forEach((name) => {
    const input = box.closest("form").querySelector(`[name="${CSS.escape(name)}"]`);
    if (input?.type === "hidden") fill(box.closest("form"), name, ""); // a typed name is not the picked company
  });
  delete box.dataset.filled;
};
const waits = new WeakMap();
on("input", "[data-combobox] [role=combobox]", (event, input) => {
  const box = input.closest("[data-combobox]");
  unpick(box);
  clearTimeout(waits.get(box));
  if (input.value.trim().length < Number(box.dataset.min || 3)) return open(box, false);
  waits.set(box, setTimeout(() => input.dispatchEvent(new CustomEvent("desk:lookup", { bubbles: true })), 300));
});
on("keydown", "[data-combobox] [role=combobox]", (event, input) => {
  const box = input.closest("[data-combobox]");
  const choices = options(box);
  const isOpen = input.getAttribute("aria-expanded") === "true";
  const at = choices.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (!choices.length) return;
    event.preventDefault();
    open(box, true);
    mark(box, choices[(at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + choices.length) % choices.length]);
  } else if (event.key === "Enter" && isOpen) {
    event.preventDefault();
    if (at >= 0) pick(box, choices[at]);
  } else if (event.key === "Escape" && isOpen) {
    event.preventDefault();
    open(box, false);
  } else if (event.key === "Tab") open(box, false);
});
on("mousedown", "[data-combobox] [role=option]", (event) => event.preventDefault()); // the input keeps the focus
on("click", "[data-combobox] [role=option]:not([aria-disabled=true])", (event, option) =>
  pick(option.closest("[data-combobox]"), option));
on("focusout", "[data-combobox]", (event, box) => { if (!box.contains(event.relatedTarget)) open(box, false); });

/* htmx: answers bring new times, lists and errors; a failed one is said aloud and on the page */
document.addEventListener("htmx:afterSwap", (event) => {
  const box = event.target.closest("[data-combobox]");
  if (box && document.activeElement === parts(box).input) {
    open(box, true);
    const count = options(box).length;
    say(count ? `${count} ${count === 1 ? "result" : "results"}` : parts(box).list.textContent.trim());
  }
  tick();
  focusErrors(event.target);
});
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("form");
  if (form) wake(form);
  // Without an answer it may have been called off, which is nobody's trouble; what follows tells.
  const status = event.detail.xhr?.status;
  if (status) offline(event, !event.detail.successful && status !== 422);
});
const offline = (event, isTrouble) => {
  const note = document.getElementById("desk-offline");
  // An answer that could not be saved says so itself, and is tried again (answers.js).
  if (note && !event.target.closest("[data-answer]")) note.hidden = !isTrouble;
};
// Browsers break off what is under way when a page is left; some call that an error.
let isLeft = false;
window.addEventListener("beforeunload", () => { isLeft = true; setTimeout(() => { isLeft = false; }, 3000); });
window.addEventListener("pageshow", () => { isLeft = false; });
for (const type of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(type, (event) => { if (!isLeft) offline(event, true); });
}

/* After a refused form the error summary has the focus */
const focusErrors = (root) => root.querySelector?.("[data-error-summary]")?.focus();

document.addEventListener("DOMContentLoaded", () => {
  showTheme();
  tick();
  setInterval(tick, 1000);
  focusErrors(document);
});

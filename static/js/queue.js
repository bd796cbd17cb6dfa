// The queue: choosing rows. Works on the table and on the cards of a phone; only what is seen is chosen by "all".
"use strict";

(() => {
  const seen = (form) => [...form.querySelectorAll("[name=pick]")].filter((box) => box.offsetParent !== null);
  const show = (form) => {
    const boxes = seen(form);
    const count = boxes.filter((box) => box.checked).length;
    const bar = form.querySelector("[data-bulk-bar]");
    const all = form.querySelector("[data-pick-all]");
    if (!bar) return;
    bar.classList.toggle("is-empty", count === 0);
    bar.querySelector("[data-bulk-count]").textContent = count ? `${count} chosen` : "";
    if (all) {
      all.checked = count > 0 && count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
    boxes.forEach((box) => box.closest("tr, li").classList.toggle("is-chosen", box.checked));
  };
  const every = () => document.querySelectorAll("[data-bulk]").forEach(show);
  let last = null; // Shift and a click choose all in between

  document.addEventListener("click", (event) => {
    const box = event.target instanceof Element ? event.target.closest("[data-bulk] [name=pick]") : null;
    if (!box) return;
    const boxes = seen(box.form);
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) boxes.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
    last = box;
  });
  document.addEventListener("change", (event) => {
    const form = event.target instanceof Element ? event.target.closest("[data-bulk]") : null;
    if (!form) return;
    if (event.target.matches("[data-pick-all]")) seen(form).forEach((box) => { box.checked = event.target.checked; });
    show(form);
    event.stopPropagation();
  });
  document.addEventListener("htmx:afterSwap", every);
  document.addEventListener("DOMContentLoaded", every);
  window.addEventListener("pageshow", every);
})();

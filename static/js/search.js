// Search by keyboard: "/" goes to the search field from anywhere, the arrows walk through the results.
(() => {
  "use strict";

  const typing = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

  const visible = (element) => element.getClientRects().length > 0;

  const field = () =>
    document.querySelector("[data-search-field]") ||
    [...document.querySelectorAll("form[role=search] input[type=search]")].find(visible);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const found = field();
    if (!found) return;
    event.preventDefault();
    found.focus();
    found.select();
  });

  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const results = document.querySelector("[data-search-results]");
    const input = document.querySelector("[data-search-field]");
    if (!step || !results || !input) return;
    const links = [...results.querySelectorAll("li a")];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== input) return;
    event.preventDefault();
    (links[at + step] || (step < 0 ? input : links[at])).focus();
  });
})();

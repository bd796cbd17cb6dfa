// The conversation of a request: which of the two forms is shown, and @names in a note. Without it both forms stand there.
"use strict";

const papers = { note: "write-note", customer: "write-customer" };
const writeTo = (whom, focus) => {
  const box = document.querySelector("[data-talk]");
  if (!box || !document.getElementById(papers[whom])) return;
  Object.entries(papers).forEach(([name, id]) => {
    const paper = document.getElementById(id);
    if (paper) paper.hidden = name !== whom;
  });
  box.querySelectorAll(".talk-tab").forEach((tab) => tab.setAttribute("aria-pressed", String(tab.dataset.write === whom)));
  if (focus) document.querySelector(`#${papers[whom]} textarea`)?.focus();
};
const startTalk = () => {
  const tabs = document.querySelector(".talk-tabs");
  if (!tabs) return;
  tabs.hidden = false;
  writeTo(tabs.querySelector('[aria-pressed="true"]')?.dataset.write ?? "note", false);
};
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-write]");
  if (!button) return;
  if (button.tagName === "A") event.preventDefault();
  writeTo(button.dataset.write, true);
});

/* @names: <div data-mentions="address"> around a textarea; the lines of the list come from the server */
const word = (area) => /(?:^|[^\w.@+-])@([\w.+-]{0,40})$/.exec(area.value.slice(0, area.selectionStart));
const listOf = (area) => {
  const box = area.closest("[data-mentions]");
  let list = box.querySelector("[role=listbox]");
  if (!list) {
    list = document.createElement("ul");
    Object.assign(list, { id: `${area.id}-people`, className: "combo-list", hidden: true });
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Colleagues");
    box.append(list);
    area.setAttribute("aria-controls", list.id);
    area.setAttribute("aria-autocomplete", "list");
  }
  return list;
};
const tell = (words) => {
  const live = document.getElementById("desk-live");
  if (live) live.textContent = words;
};
const closePeople = (area) => {
  listOf(area).hidden = true;
  area.removeAttribute("aria-activedescendant");
};
const choose = (area, option) => {
  listOf(area).querySelectorAll("[role=option]").forEach((each) => each.setAttribute("aria-selected", String(each === option)));
  area.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
};
const mention = (area, option) => {
  const found = word(area);
  if (found) area.setRangeText(`${option.dataset.value} `, area.selectionStart - found[1].length, area.selectionStart, "end");
  closePeople(area);
  area.focus();
  tell(`${option.querySelector(".combo-name").textContent} mentioned`);
};
let asked = 0;
const askPeople = async (area) => {
  const found = word(area);
  if (!found) return closePeople(area);
  const turn = ++asked;
  const answer = await fetch(`${area.closest("[data-mentions]").dataset.mentions}?q=${encodeURIComponent(found[1])}`).catch(() => null);
  if (!answer?.ok || turn !== asked) return;
  const list = listOf(area);
  list.innerHTML = await answer.text();
  const people = list.querySelectorAll("[role=option]");
  list.hidden = !people.length;
  if (people.length) {
    choose(area, people[0]);
    tell(`${people.length} ${people.length === 1 ? "colleague" : "colleagues"}: arrow keys to choose, Enter to mention`);
  } else closePeople(area);
};
document.addEventListener("input", (event) => { if (event.target.matches?.("[data-mentions] textarea")) askPeople(event.target); });
document.addEventListener("keydown", (event) => {
  const area = event.target;
  if (!area.matches?.("[data-mentions] textarea") || listOf(area).hidden) return;
  const people = [...listOf(area).querySelectorAll("[role=option]")];
  const at = people.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    choose(area, people[(at + (event.key === "ArrowDown" ? 1 : -1) + people.length) % people.length]);
  } else if (event.key === "Enter" || event.key === "Tab") mention(area, people[at]);
  else if (event.key === "Escape") closePeople(area);
  else return;
  event.preventDefault();
});
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("[data-mentions] [role=option]");
  if (!option) return;
  event.preventDefault(); // the text keeps the focus
  mention(option.closest("[data-mentions]").querySelector("textarea"), option);
});
document.addEventListener("focusout", (event) => { if (event.target.matches?.("[data-mentions] textarea")) closePeople(event.target); });
document.addEventListener("DOMContentLoaded", startTalk);

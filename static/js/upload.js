// Files: dropped, pasted, taken with a camera or chosen. Markup: _partials/_drop.html, <div data-drop> around one
// file input with [data-drop-name], [data-drop-preview], [data-drop-progress] and [data-camera]. Uses desk.js.
"use strict";

const showFile = (zone) => {
  const file = zone.querySelector("input[type=file]").files[0];
  const picture = zone.querySelector("[data-drop-preview]");
  zone.querySelector("[data-drop-name]").textContent = file ? `${file.name} (${Math.ceil(file.size / 1024)} KB)` : "";
  zone.classList.toggle("has-file", Boolean(file));
  picture.hidden = true;
  if (!file || !/^image\/(png|jpeg|webp)$/.test(file.type)) return;
  const reader = new FileReader(); // a data: address, because the policy allows no blob:
  reader.onload = () => { picture.src = reader.result; picture.hidden = false; };
  reader.readAsDataURL(file);
};

/* Into the input, as if it had been chosen there: what listens to its change saves it. */
const give = (zone, file) => {
  const carried = new DataTransfer();
  carried.items.add(file);
  const input = zone.querySelector("input[type=file]");
  input.files = carried.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
};

on("change", "[data-drop] input[type=file]", (event, input) => showFile(input.closest("[data-drop]")));
on("dragover", "[data-drop]", (event, zone) => { event.preventDefault(); zone.classList.add("is-over"); });
on("dragleave", "[data-drop]", (event, zone) => zone.classList.remove("is-over"));
on("drop", "[data-drop]", (event, zone) => {
  event.preventDefault();
  zone.classList.remove("is-over");
  if (event.dataTransfer.files.length) give(zone, event.dataTransfer.files[0]);
});

/* Paste: into the zone that has the focus, else into the only one of the page; text goes where text goes */
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])][0];
  const zones = all("[data-drop]");
  const zone = document.activeElement?.closest("[data-drop]") ?? (zones.length === 1 ? zones[0] : null);
  if (!file || !zone) return;
  event.preventDefault();
  give(zone, file);
});

/* Camera: a second input that asks for one; what it takes moves to the first */
on("click", "[data-camera]", (event, button) => {
  const camera = document.createElement("input");
  camera.type = "file";
  camera.accept = "image/*";
  camera.setAttribute("capture", "environment");
  camera.addEventListener("change", () => {
    if (camera.files.length) give(button.closest("[data-drop]"), camera.files[0]);
  });
  camera.click();
});

/* Progress: the share of the file that has left this device */
document.addEventListener("htmx:xhr:progress", (event) => {
  const progress = event.target.querySelector?.("[data-drop-progress]");
  const { loaded, total } = event.detail;
  if (!progress || !total || !event.target.querySelector("input[type=file]").files.length) return;
  const percent = Math.round((loaded / total) * 100);
  progress.hidden = false;
  progress.querySelector("progress").value = percent;
  progress.querySelector("[data-drop-percent]").textContent = `${percent} %`;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const progress = event.target.querySelector?.("[data-drop-progress]");
  if (progress) progress.hidden = true;
});

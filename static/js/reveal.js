// A secret that is shown for a while: counts down, says so now and then, and takes it off the page.
"use strict";

(() => {
  const box = document.querySelector("[data-shown]");
  if (!box) return;
  const words = box.querySelector("[data-shown-words]");
  const said = document.querySelector("[data-shown-said]");
  const ends = Date.now() + Number(box.dataset.shown) * 1000;
  const announced = [30, 10];

  const take = () => {
    clearInterval(timer);
    box.querySelectorAll("[data-shown-value]").forEach((element) => element.remove());
    box.classList.add("is-gone");
    words.textContent = "Hidden again.";
    said.textContent = "The secret is hidden again.";
  };
  const tick = () => {
    const left = Math.ceil((ends - Date.now()) / 1000);
    if (left <= 0) return take();
    words.textContent = `Gone in ${left} second${left === 1 ? "" : "s"}`;
    if (left <= announced[0]) said.textContent = `Hidden in ${announced.shift()} seconds.`;
  };
  const timer = setInterval(tick, 250);
  // Neither the back button nor a page kept in memory brings it back.
  window.addEventListener("pagehide", take);
  document.addEventListener("visibilitychange", tick);
})();

// Runs in the head, before anything is painted: the colour scheme that this person chose, or the system's.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("desk-theme") || "auto"; } catch { return "auto"; }
  };
  const apply = () => {
    const choice = chosen();
    root.dataset.themeChoice = choice;
    root.dataset.bsTheme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
  };
  window.deskTheme = {
    chosen,
    set(choice) {
      try { localStorage.setItem("desk-theme", choice); } catch { /* private window: lasts for this page */ }
      apply();
    },
  };
  root.classList.add("js");
  system.addEventListener("change", apply);
  apply();
})();

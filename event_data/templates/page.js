// What every page does: the theme, printing with everything open, links into what is closed, and copying.
"use strict";
(function () {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function isDark() {
    return (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  }

  function name() {
    button.textContent = isDark() ? "Light colours" : "Dark colours";
  }

  function changed() {
    name();
    document.dispatchEvent(new Event("themechange"));
  }

  button.hidden = false;
  name();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    changed();
  });
  system.addEventListener("change", changed);

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });

  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    const closed = target && (target.matches("details") ? target : target.closest("details"));
    if (!closed || closed.open) return;
    closed.open = true;
    target.scrollIntoView();
  }

  window.addEventListener("hashchange", reveal);
  reveal();

  // A button with data-copy="id" selects the text of that element, and copies it where the browser allows that.
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("button[data-copy]");
    if (!copy) return;
    const source = document.getElementById(copy.dataset.copy);
    window.getSelection().selectAllChildren(source);
    const label = copy.dataset.label || (copy.dataset.label = copy.textContent);
    try {
      await navigator.clipboard.writeText(source.textContent);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Selected; press Ctrl+C";
    }
    setTimeout(() => { copy.textContent = label; }, 3000);
  });
})();

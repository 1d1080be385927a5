// Shows a warning when the page is out of date: a reader may rely on it although no day has been judged since.
"use strict";
(function () {
  const stale = document.getElementById("stale");
  const days = Math.floor((Date.now() - Date.parse(stale.dataset.judged)) / 86400000);
  if (days < 2) return;
  stale.querySelector("b").textContent = String(days);
  stale.hidden = false;
})();

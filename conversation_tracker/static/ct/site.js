// What makes the pages better where scripts run; every page works without.
"use strict";

// Copy buttons appear only here, since without scripts they could do nothing.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = document.getElementById("said");
    said.textContent = said.dataset.copied;
    button.classList.add("is-done");
    setTimeout(() => {
      said.textContent = "";
      button.classList.remove("is-done");
    }, 2000);
  });
}

// What somebody unfolded on a page stays so when the page is loaded again in this tab.
const opened = `open:${location.pathname}`;
const remembered = new Set(JSON.parse(sessionStorage.getItem(opened) || "[]"));
for (const details of document.querySelectorAll("details[data-fold]")) {
  if (remembered.has(details.dataset.fold)) details.open = true;
  details.addEventListener("toggle", () => {
    remembered[details.open ? "add" : "delete"](details.dataset.fold);
    sessionStorage.setItem(opened, JSON.stringify([...remembered]));
  });
}

// "/" goes to the search, as in most tools of this kind.
document.addEventListener("keydown", (event) => {
  const find = document.getElementById("find");
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || !find || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  find.focus();
});

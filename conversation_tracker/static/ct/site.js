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

// What takes a while to find out comes after the page; without scripts a link leads to it.
for (const place of document.querySelectorAll("[data-load]")) {
  place.querySelector("[data-waiting]").hidden = false;
  place.querySelector("[data-plain]").hidden = true;
  fetch(place.dataset.load, { headers: { "X-Fragment": "1" } })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
    .then((html) => {
      place.innerHTML = html;
    })
    .catch(() => {
      place.querySelector("[data-waiting]").hidden = true;
      place.querySelector("[data-plain]").hidden = false;
    });
}

// A fault in a template leads to the very character.
for (const link of document.querySelectorAll("a[data-line]")) {
  link.addEventListener("click", (event) => {
    const field = document.querySelector(link.getAttribute("href"));
    const line = Number(link.dataset.line);
    if (!field || !line) return;
    event.preventDefault();
    const before = field.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const at = before + Number(link.dataset.column) - 1;
    field.focus();
    field.setSelectionRange(at, at + 1);
    field.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(field).lineHeight));
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

// A form that must not be sent twice lets go of its button; a page that comes back from the history holds it again.
for (const form of document.querySelectorAll("form[data-once]")) {
  const hold = (isHeld) => form.querySelectorAll("button").forEach((button) => (button.disabled = isHeld));
  form.addEventListener("submit", () => setTimeout(() => hold(true)));
  window.addEventListener("pageshow", () => hold(false));
}

// Files are named with their sizes, and refused here when they are too large, before they travel.
for (const input of document.querySelectorAll("input[type=file][data-most]")) {
  const list = document.createElement("ul");
  list.className = "chosen";
  input.after(list);
  input.addEventListener("change", () => {
    const files = [...input.files];
    const size = files.reduce((sum, file) => sum + file.size, 0);
    input.setCustomValidity(size > Number(input.dataset.most) ? input.dataset.tooLarge : "");
    input.reportValidity();
    const kilobytes = new Intl.NumberFormat(document.documentElement.lang, {
      style: "unit", unit: "kilobyte", maximumFractionDigits: 0,
    });
    list.replaceChildren(
      ...files.map((file) => {
        const item = document.createElement("li");
        item.textContent = `${file.name} · ${kilobytes.format(Math.ceil(file.size / 1000))}`;
        return item;
      }),
    );
  });
}

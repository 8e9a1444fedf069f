// Every act by keyboard: j/k through a list, Enter opens, / or Ctrl-K searches, ? explains,
// and each element with data-shortcut="x" is pressed by that key. Single keys can be switched off.

const STORED = "paraf.single-keys";
const shown = (element) => element.getClientRects().length > 0;

function singleKeysOn() {
  try {
    return window.localStorage.getItem(STORED) !== "off";
  } catch {
    return true; // storage may be forbidden; the shortcuts then stay on
  }
}

const isTyping = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

function focusSearch() {
  const search = document.querySelector("[data-search]");
  search?.focus();
  search?.select();
}

// within the search box the arrows walk its results and Esc leaves it
document.querySelector(".search")?.addEventListener("keydown", (event) => {
  const links = [...event.currentTarget.querySelectorAll(".search-panel a")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") document.activeElement.blur();
  else if (step && links.length) {
    event.preventDefault();
    (links[links.indexOf(document.activeElement) + step] ?? event.currentTarget.querySelector("[data-search]")).focus();
  }
});

function move(step) {
  const items = [...document.querySelectorAll("[data-list-item]")].filter(shown);
  if (!items.length) return;
  const at = items.findIndex((item) => item.classList.contains("is-current"));
  const next = items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + step))];
  for (const item of items) item.classList.toggle("is-current", item === next);
  (next.matches("a, button") ? next : next.querySelector("a"))?.focus();
  next.scrollIntoView({ block: "nearest" });
}

function press(key) {
  const target = [...document.querySelectorAll("[data-shortcut]")]
    .find((one) => one.dataset.shortcut === key && shown(one) && !one.disabled);
  target?.click();
  return Boolean(target);
}

function showHelp() {
  const list = document.querySelector("[data-shortcut-list]");
  list?.replaceChildren(...[...document.querySelectorAll("[data-shortcut]")].filter(shown).map((one) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const key = document.createElement("kbd");
    const meaning = document.createElement("dd");
    key.textContent = one.dataset.shortcut;
    meaning.textContent = one.querySelector("span")?.textContent || one.textContent.trim();
    term.append(key);
    row.append(term, meaning);
    return row;
  }));
  document.getElementById("keyboard-help")?.showModal();
}

const ACTIONS = { j: () => move(1), k: () => move(-1), "/": focusSearch, "?": showHelp };

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    focusSearch();
    return;
  }
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!plain || isTyping(event.target) || document.querySelector("dialog[open]") || !singleKeysOn()) return;
  if (ACTIONS[event.key]) {
    event.preventDefault();
    ACTIONS[event.key]();
  } else if (press(event.key)) {
    event.preventDefault();
  }
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button, input, label") && !window.getSelection()?.toString()) {
    window.location.assign(row.dataset.href);
  }
});

const toggle = document.querySelector("[data-single-keys]");
if (toggle) {
  toggle.checked = singleKeysOn();
  toggle.addEventListener("change", () => window.localStorage.setItem(STORED, toggle.checked ? "on" : "off"));
}

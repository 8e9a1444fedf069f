// The texts that scripts say come from the page, so that they are translated in one place.

/** @param {string} name  the part after data-text- in camelCase @returns {string} */
export function text(name) {
  return document.body.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`] ?? "";
}

/** Show a short message in the corner. level: "info", "success" or "error"; errors stay longer. */
export function toast(message, level = "info") {
  const blank = document.getElementById("toast-blank");
  const area = document.getElementById("toasts");
  if (!blank || !area || !message) return;
  const note = blank.content.firstElementChild.cloneNode(true);
  note.querySelector("[data-toast-text]").textContent = message;
  note.classList.toggle("toast-error", level === "error");
  area.append(note);
  window.setTimeout(() => note.remove(), level === "error" ? 12000 : 6000);
}

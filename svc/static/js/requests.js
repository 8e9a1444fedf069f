// htmx requests carry the CSRF token; failures are said; a sent form cannot be sent twice.

// The texts that scripts say come from the page, so that they are translated in one place.
/** @param {string} name  the part after data-text- in camelCase @returns {string} */
function text(name) {
  return document.body.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`] ?? "";
}

/** Show a short message in the corner. level: "info", "success" or "error"; errors stay longer. */
function toast(message, level = "info") {
  const blank = document.getElementById("toast-blank");
  const area = document.getElementById("toasts");
  if (!blank || !area || !message) return;
  // a page that asks every second says only once that nobody answers
  if ([...area.children].some((shown) => shown.querySelector("[data-toast-text]")?.textContent === message)) return;
  const note = blank.content.firstElementChild.cloneNode(true);
  note.querySelector("[data-toast-text]").textContent = message;
  note.classList.toggle("toast-error", level === "error");
  area.append(note);
  window.setTimeout(() => note.remove(), level === "error" ? 12000 : 6000);
}

const MESSAGES = { 0: "offline", 401: "signedOut", 403: "forbidden", 409: "stale" };

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token) event.detail.headers["X-CSRFToken"] = token;
});
document.addEventListener("htmx:sendError", () => toast(text("offline"), "error"));
document.addEventListener("htmx:responseError", (event) => {
  toast(text(MESSAGES[event.detail.xhr.status] ?? "failed"), "error");
});
// the server may say something after a partial update: HX-Trigger: {"paraf:toast": {"text": …, "level": …}}
document.addEventListener("paraf:toast", (event) => toast(event.detail.text, event.detail.level));

function setBusy(button) {
  button.setAttribute("aria-busy", "true");
  const label = button.querySelector("span") ?? button;
  button.dataset.idleText = label.textContent;
  label.textContent = button.dataset.busy || text("busy");
}

function setIdle(button) {
  if (button.getAttribute("aria-busy") !== "true") return;
  button.removeAttribute("aria-busy");
  (button.querySelector("span") ?? button).textContent = button.dataset.idleText;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-busy-form]") || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const button = event.submitter ?? form.querySelector('[type="submit"]');
  if (button) setBusy(button);
});
// coming back by the browser's button finds the form usable again
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll('[aria-busy="true"]')) setIdle(button);
});

document.addEventListener("click", (event) => {
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest("[data-flash], .toast-note")?.remove();
  if (event.target.closest("[data-go-back]")) window.history.back();
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => toast(text("copied")));
  if (event.target.closest("[data-print]")) window.print();
});

// Help while typing: show a password, fill a suggestion, check a file's size, go to the field of an error,
// and warn before typed text is lost.

function fill(selector, value) {
  const field = document.querySelector(selector);
  if (!field) return;
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

function goToField(path) {
  const box = document.querySelector(`[data-field="${CSS.escape(path)}"]`)
    ?? document.querySelector(`[name="${CSS.escape(path)}"]`)
    ?? document.querySelector(`[data-field="data.${CSS.escape(path)}"], [name="data.${CSS.escape(path)}"]`);
  if (!box) return;
  const target = box.matches("input, select, textarea") ? box : box.querySelector("input:not([type=hidden]), select, textarea, button");
  target?.focus();
  box.scrollIntoView({ block: "center" });
}

document.addEventListener("click", (event) => {
  const reveal = event.target.closest("[data-reveal]");
  if (reveal) {
    const field = document.querySelector(reveal.dataset.reveal);
    const visible = field.type === "password";
    field.type = visible ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(visible));
  }
  const filler = event.target.closest("[data-fill]");
  if (filler) {
    fill(filler.dataset.fill, filler.dataset.fillText);
    if (filler.dataset.fillAlso) fill(filler.dataset.fillAlso, filler.dataset.fillAlsoText);
  }
  const link = event.target.closest("[data-goto-field]");
  if (link) {
    event.preventDefault();
    goToField(link.dataset.gotoField);
  }
});
document.querySelector("[data-error-summary]")?.focus();

function showFile(box) {
  const input = box.querySelector('input[type="file"]');
  const name = box.querySelector("[data-upload-name]");
  const file = input.files[0];
  const tooLarge = Boolean(file) && file.size > Number(box.dataset.maxBytes);
  name.classList.toggle("is-error", tooLarge);
  input.setCustomValidity(tooLarge ? box.dataset.textTooLarge : "");
  const size = file ? new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(file.size / 1048576) : "";
  name.textContent = !file ? "" : tooLarge ? box.dataset.textTooLarge : `${file.name} · ${size} MB`;
  if (tooLarge) input.value = "";
}
for (const box of document.querySelectorAll("[data-upload]")) {
  box.addEventListener("change", () => showFile(box));
  for (const type of ["dragenter", "dragover"]) {
    box.addEventListener(type, (event) => {
      event.preventDefault();
      box.classList.add("is-over");
    });
  }
  for (const type of ["dragleave", "drop"]) box.addEventListener(type, () => box.classList.remove("is-over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    const input = box.querySelector('input[type="file"]');
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
    showFile(box);
  });
}

// a draft (data-preview) that was changed and not sent asks before it is left
let unsaved = false;
document.addEventListener("input", (event) => {
  if (event.target.closest("form[data-preview], form[data-warn-unsaved]")) unsaved = true;
});
document.addEventListener("submit", () => { unsaved = false; });
window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

// browsers without CSS field-sizing let the text areas grow by script
if (!CSS.supports("field-sizing", "content")) {
  const grow = (area) => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches("textarea[data-autogrow]")) grow(event.target);
  });
  for (const area of document.querySelectorAll("textarea[data-autogrow]")) grow(area);
}

// after a wrong passphrase: the seconds run down, and nothing can be sent before they are over
for (const note of document.querySelectorAll("[data-wait]")) {
  const over = performance.now() + Number(note.dataset.wait) * 1000;
  const buttons = [...note.closest("form").querySelectorAll('[type="submit"]:not([form])')];
  const tick = () => {
    const left = Math.ceil((over - performance.now()) / 1000);
    note.hidden = left <= 0;
    for (const button of buttons) button.disabled = left > 0;
    if (left <= 0) return;
    note.querySelector("span").textContent = note.dataset.text.replace("{n}", left);
    setTimeout(tick, 250);
  };
  tick();
}

// an act was refused, and there is no field on which the cursor could stand: what was said is brought into sight
if (!document.querySelector("[autofocus]")) document.querySelector(".act-refused")?.scrollIntoView({ block: "center" });

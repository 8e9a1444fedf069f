// Native dialogs and menus made of <details>.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialogOpen);
    if (opener.dataset.dialogAction) aimDialog(dialog, opener.dataset);
    openDialog(dialog);
  }
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && isOutside(event)) event.target.close();
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target) || event.target.closest(".menu-list [data-dialog-open]")) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});

/** Have one dialog serve many rows: ask about the row whose button was pressed, and act on that. */
function aimDialog(dialog, { dialogAction, dialogMark, dialogName }) {
  const form = dialog.querySelector("form");
  form.action = dialogAction;
  form.elements.seen_mark.value = dialogMark;
  dialog.querySelector("[data-dialog-name]").textContent = dialogName;
}

/** Open a dialog and put the cursor where the person will type. */
function openDialog(dialog) {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  dialog.querySelector("[autofocus], textarea, .dialog-body input:not([type=hidden]), .dialog-body select")?.focus();
}

function isOutside(event) {
  const box = event.target.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}

for (const dialog of document.querySelectorAll("dialog[data-open-now]")) openDialog(dialog);

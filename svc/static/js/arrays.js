// Rows of a form: add, remove, move. Names keep their numbers; the server reads rows in the order sent.

const items = (array) => [...array.querySelector(":scope > [data-array-items]").children];

function changed(array, said) {
  const rows = items(array);
  rows.forEach((row, index) => {
    const number = row.querySelector(":scope > .array-item-fields > .array-item-title [data-array-number]");
    if (number) number.textContent = String(index + 1);
  });
  const add = array.querySelector(":scope > [data-array-add]");
  add.disabled = Boolean(array.dataset.max) && rows.length >= Number(array.dataset.max);
  for (const row of rows) {
    row.querySelector(":scope > .array-item-tools > [data-array-remove]").disabled = rows.length <= Number(array.dataset.min);
  }
  const status = array.querySelector(":scope > [data-array-status]");
  if (said) {
    status.textContent = status.dataset[said];
    array.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function addRow(array) {
  const blank = array.querySelector(":scope > template[data-array-blank]");
  const index = Number(array.dataset.next);
  array.dataset.next = String(index + 1);
  const holder = document.createElement("template");
  holder.innerHTML = blank.innerHTML.replaceAll(array.dataset.placeholder, String(index));
  const row = holder.content.firstElementChild;
  array.querySelector(":scope > [data-array-items]").append(row);
  for (const inner of row.querySelectorAll("[data-array]")) changed(inner);
  changed(array, "textAdded");
  row.querySelector("input:not([type=hidden]), textarea, select")?.focus();
}

function removeRow(array, row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  changed(array, "textRemoved");
  (neighbour?.querySelector("input:not([type=hidden]), textarea, select") ?? array.querySelector(":scope > [data-array-add]")).focus();
}

function moveRow(array, row, button) {
  if (button.matches("[data-array-up]")) row.previousElementSibling?.before(row);
  else row.nextElementSibling?.after(row);
  changed(array, "textMoved");
  if (getComputedStyle(button).visibility === "visible") button.focus();
  else row.querySelector("input:not([type=hidden]), textarea, select")?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-array-add], [data-array-remove], [data-array-up], [data-array-down]");
  const array = button?.closest("[data-array]");
  if (!array) return;
  const row = button.closest("[data-array-item]");
  if (button.matches("[data-array-add]")) addRow(array);
  else if (button.matches("[data-array-remove]")) removeRow(array, row);
  else moveRow(array, row, button);
});

for (const array of document.querySelectorAll("[data-array]")) changed(array);

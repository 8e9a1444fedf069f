// Rows ticked in a table are counted in the dialog that acts on them.

const note = document.querySelector("[data-picked]");

function count() {
  const picked = document.querySelectorAll("[data-pick]:checked").length;
  note.hidden = picked === 0;
  note.textContent = note.dataset.textPicked.replace("{n}", String(picked));
}

if (note) {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick]")) count();
  });
  count();
}

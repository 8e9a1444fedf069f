// Live preview: while somebody types in form[data-preview], the form is posted to data-preview-url and the PDF
// that comes back is shown in the viewer that data-preview names. Slow answers never overtake newer ones.
// The preview is judged as the form will be: an error at a field that was changed goes once it finds none there.

const WAIT = 700;

/** Take away the errors at changed fields that are not among those found now (path → message). */
function forgive(form, changed, found) {
  for (const control of form.querySelectorAll(".is-invalid")) {
    const name = control.name;
    if (!changed.has(name) || name in found || !name.startsWith("data.")) continue;
    control.classList.remove("is-invalid");
    control.removeAttribute("aria-invalid");
    document.getElementById(`${control.id}-error`)?.remove();
    const path = CSS.escape(name);
    document.querySelector(`[data-error-summary] [data-goto-field="${path}"]`)?.closest("li").remove();
  }
  const summary = document.querySelector("[data-error-summary]");
  if (!summary) return;
  const left = summary.querySelectorAll("li").length;
  if (left === 0) summary.remove();
  else summary.querySelector(".notice-title").textContent = left === 1 ? summary.dataset.textOne : summary.dataset.textMany.replace("{n}", left);
}

function start(form) {
  const viewer = document.querySelector(form.dataset.preview);
  const status = viewer.querySelector('[data-pdf="status"]');
  const idle = status.textContent;
  let timer = 0;
  let running = null;
  const changed = new Set(); // names of the fields in which something was typed

  const say = (text, isError = false) => viewer.dispatchEvent(new CustomEvent("pdf:status", { detail: { text, isError } }));

  async function refresh() {
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(form.dataset.previewUrl, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json, application/pdf", "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content },
        signal: running.signal,
      });
      if (answer.ok && answer.headers.get("Content-Type")?.startsWith("application/pdf")) {
        viewer.dispatchEvent(new CustomEvent("pdf:show", { detail: { data: await answer.arrayBuffer() } }));
        forgive(form, changed, {});
      } else {
        const isJudged = answer.ok && answer.headers.get("Content-Type")?.startsWith("application/json");
        const found = isJudged ? (await answer.json()).fields : {};
        if (Object.keys(found).length) forgive(form, changed, found);
        say(idle); // unfinished data is the usual state of a draft, not a fault
      }
    } catch (error) {
      if (error.name !== "AbortError") say(document.body.dataset.textOffline, true);
    }
  }

  form.addEventListener("input", (event) => {
    changed.add(event.target.name);
    window.clearTimeout(timer);
    timer = window.setTimeout(refresh, WAIT);
  });
  refresh();
}

for (const form of document.querySelectorAll("form[data-preview]")) start(form);

// Live preview: while somebody types in form[data-preview], the form is posted to data-preview-url and the PDF
// that comes back is shown in the viewer that data-preview names. Slow answers never overtake newer ones.

const WAIT = 700;

function start(form) {
  const viewer = document.querySelector(form.dataset.preview);
  const status = viewer.querySelector('[data-pdf="status"]');
  const idle = status.textContent;
  let timer = 0;
  let running = null;

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
      } else {
        await answer.text();
        say(idle); // unfinished data is the usual state of a draft, not a fault
      }
    } catch (error) {
      if (error.name !== "AbortError") say(document.body.dataset.textOffline, true);
    }
  }

  form.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(refresh, WAIT);
  });
  refresh();
}

for (const form of document.querySelectorAll("form[data-preview]")) start(form);

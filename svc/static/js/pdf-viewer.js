// Shows a PDF: every page on its own canvas, drawn when it comes near, with a text layer for selecting and for
// screen readers. Open one with element.dispatchEvent(new CustomEvent("pdf:show", { detail: { data } })).

const MIN_SCALE = 0.4;
const MAX_SCALE = 4;
const MAX_PIXELS = 16_777_216; // larger canvases fail on phones
const CSS_UNITS = 96 / 72;

class PdfViewer {
  constructor(root) {
    this.root = root;
    this.parts = Object.fromEntries([...root.querySelectorAll("[data-pdf]")].map((part) => [part.dataset.pdf, part]));
    this.pages = [];
    this.scale = 0; // 0: as wide as the frame
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { root: this.parts.pages, rootMargin: "75% 0px" });
    this.listen();
  }

  listen() {
    const { prev, next, out, in: enlarge, fit, page, pages } = this.parts;
    prev.addEventListener("click", () => this.goTo(this.current() - 1));
    next.addEventListener("click", () => this.goTo(this.current() + 1));
    out.addEventListener("click", () => this.zoom(1 / 1.2));
    enlarge.addEventListener("click", () => this.zoom(1.2));
    fit.addEventListener("click", () => this.setScale(0));
    page.addEventListener("change", () => this.goTo(Number.parseInt(page.value, 10) || this.current()));
    pages.addEventListener("scroll", () => this.tell(), { passive: true });
    pages.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("pdf:show", (event) => this.open(event.detail));
    this.root.addEventListener("pdf:status", (event) => this.say(event.detail.text, event.detail.isError));
    let width = 0;
    new ResizeObserver(() => {
      if (this.scale === 0 && Math.abs(pages.clientWidth - width) > 4) this.layOut();
      width = pages.clientWidth;
    }).observe(pages);
    if (this.root.dataset.src) this.open({ url: this.root.dataset.src });
  }

  key(event) {
    const act = { "+": () => this.zoom(1.2), "=": () => this.zoom(1.2), "-": () => this.zoom(1 / 1.2), 0: () => this.setScale(0),
      PageDown: () => this.goTo(this.current() + 1), PageUp: () => this.goTo(this.current() - 1) }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** @param {{url?: string, data?: ArrayBuffer}} source  the address of a PDF, or its bytes */
  async open(source) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const scrollTop = this.parts.pages.scrollTop;
    if (source.url) this.say(this.root.dataset.textLoading);
    try {
      const shown = await this.load(source);
      const first = await shown.getPage(1);
      if (turn !== this.turn) return void shown.loadingTask.destroy();
      const old = this.document;
      this.document = shown;
      this.lib.size = first.getViewport({ scale: CSS_UNITS });
      this.build(shown.numPages);
      this.parts.pages.scrollTop = scrollTop;
      this.say("");
      this.root.dataset.ready = "yes";
      old?.loadingTask.destroy();
    } catch (error) {
      console.warn("pdf-viewer", error);
      if (turn === this.turn) this.say(this.root.dataset.textFailed, true);
    }
  }

  async load(source) {
    const base = (name) => new URL(this.root.dataset[name], document.baseURI).href;
    if (!this.lib) {
      const pdfjs = await import(base("lib"));
      pdfjs.GlobalWorkerOptions.workerSrc = base("worker");
      this.lib = { pdfjs, assets: new URL("./", base("assets")).href };
    }
    const { pdfjs, assets } = this.lib;
    return pdfjs.getDocument({
      ...(source.data ? { data: source.data } : { url: source.url }),
      standardFontDataUrl: `${assets}standard_fonts/`,
      wasmUrl: `${assets}decoders/`,
      useWasm: false, // the policy allows no WebAssembly; the plain decoders do
      enableXfa: false,
    }).promise;
  }

  build(count) {
    const { pages, total } = this.parts;
    this.observer.disconnect();
    this.pages = Array.from({ length: count }, (_, index) => {
      const box = document.createElement("div");
      box.className = "pdf-page";
      box.dataset.number = String(index + 1);
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", this.root.dataset.textPage.replace("{n}", index + 1).replace("{total}", count));
      return { box, size: this.lib.size, near: false };
    });
    pages.replaceChildren(...this.pages.map((page) => page.box));
    total.textContent = String(count);
    this.layOut();
    for (const page of this.pages) this.observer.observe(page.box);
    this.tell();
  }

  width() {
    const style = getComputedStyle(this.parts.pages);
    return this.parts.pages.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
  }

  scaleOf(page) {
    const wanted = this.scale || Math.min(this.width() / page.size.width, 1.75);
    return Math.min(MAX_SCALE, Math.max(MIN_SCALE, wanted));
  }

  layOut() {
    if (!this.pages.length) return;
    for (const page of this.pages) {
      const scale = this.scaleOf(page);
      page.box.style.width = `${Math.floor(page.size.width * scale)}px`;
      page.box.style.height = `${Math.floor(page.size.height * scale)}px`;
      page.box.style.setProperty("--total-scale-factor", String(scale * CSS_UNITS));
      if (page.near) this.draw(page);
    }
    this.parts.zoom.textContent = `${Math.round(this.scaleOf(this.pages[0]) * 100)} %`;
  }

  seen(entries) {
    for (const entry of entries) {
      const page = this.pages[Number(entry.target.dataset.number) - 1];
      if (!page || page.box !== entry.target) continue;
      page.near = entry.isIntersecting;
      if (page.near) this.draw(page);
      else {
        page.drawnAt = 0;
        page.box.replaceChildren(); // far pages give their memory back
      }
    }
  }

  async draw(page) {
    const scale = this.scaleOf(page);
    if (page.drawnAt === scale) return;
    page.drawnAt = scale;
    const source = await this.document.getPage(Number(page.box.dataset.number));
    const natural = source.getViewport({ scale: CSS_UNITS });
    if (natural.width !== page.size.width || natural.height !== page.size.height) {
      page.size = natural; // pages may differ in size; now it is known
      page.drawnAt = 0;
      return void this.layOut();
    }
    const viewport = source.getViewport({ scale: scale * CSS_UNITS });
    const ratio = Math.min(window.devicePixelRatio || 1, Math.sqrt(MAX_PIXELS / (viewport.width * viewport.height)));
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    canvas.width = Math.floor(viewport.width * ratio);
    canvas.height = Math.floor(viewport.height * ratio);
    await source.render({ canvas, viewport, transform: ratio === 1 ? null : [ratio, 0, 0, ratio, 0, 0] }).promise;
    if (page.drawnAt !== scale || !page.near) return;
    const words = document.createElement("div");
    words.className = "pdf-text";
    page.box.replaceChildren(canvas, words);
    await new this.lib.pdfjs.TextLayer({ textContentSource: source.streamTextContent(), container: words, viewport }).render();
    page.box.dataset.drawn = "yes";
  }

  zoom(factor) {
    if (this.pages.length) this.setScale(Math.min(MAX_SCALE, Math.max(MIN_SCALE, this.scaleOf(this.pages[0]) * factor)));
  }

  setScale(scale) {
    const { pages } = this.parts;
    const place = pages.scrollTop / (pages.scrollHeight || 1);
    this.scale = scale;
    this.layOut();
    pages.scrollTop = place * pages.scrollHeight;
  }

  current() {
    const middle = this.parts.pages.scrollTop + this.parts.pages.clientHeight / 3;
    const at = this.pages.findLastIndex(({ box }) => box.offsetTop - this.parts.pages.offsetTop <= middle);
    return Math.max(1, at + 1);
  }

  goTo(number) {
    const page = this.pages[Math.min(this.pages.length, Math.max(1, number)) - 1];
    if (page) this.parts.pages.scrollTop = page.box.offsetTop - this.parts.pages.offsetTop - 8;
    this.tell();
  }

  tell() {
    const number = this.current();
    if (document.activeElement !== this.parts.page) this.parts.page.value = String(number);
    this.parts.prev.disabled = number <= 1;
    this.parts.next.disabled = number >= this.pages.length;
  }

  say(words, isError = false) {
    this.parts.status.textContent = words ?? "";
    this.parts.status.classList.toggle("is-error", isError);
  }
}

for (const root of document.querySelectorAll("[data-pdf-viewer]")) {
  const viewer = new PdfViewer(root);
  for (const link of document.querySelectorAll(`[data-pdf-goto="${CSS.escape(root.id)}"]`)) {
    link.addEventListener("click", (event) => {
      if (!viewer.pages.length || event.ctrlKey || event.metaKey || event.shiftKey) return; // then the file itself opens
      event.preventDefault();
      viewer.goTo(Number(link.dataset.page));
      root.scrollIntoView({ block: "nearest" });
    });
  }
}

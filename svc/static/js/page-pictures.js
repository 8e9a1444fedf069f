// Small pictures of pages are drawn on demand, and few can be drawn at once: they are asked for two at a time, those
// in sight first come first. Where the drawers are all busy with others', a small blank comes in a picture's place;
// such a picture is asked for again by itself, a few times, ever later.

const AT_ONCE = 2;
const BLANK_WIDTH = 21; // of the blank; no page is drawn as small as that
const PAUSES = [1000, 3000, 9000]; // milliseconds

/** @type {HTMLImageElement[]} */
const waiting = [];
let asked = 0;

/**
 * @param {HTMLImageElement} picture
 * @param {string} address
 * @returns {Promise<boolean>} whether the page itself came
 */
function ask(picture, address) {
  return new Promise((resolve) => {
    picture.onload = () => resolve(picture.naturalWidth > BLANK_WIDTH);
    picture.onerror = () => resolve(false);
    picture.src = address;
  });
}

/** @param {HTMLImageElement} picture */
async function show(picture) {
  const address = picture.dataset.pagePicture ?? "";
  let came = await ask(picture, address);
  for (let tried = 0; !came && tried < PAUSES.length; tried += 1) {
    await new Promise((resolve) => window.setTimeout(resolve, PAUSES[tried]));
    came = await ask(picture, `${address}?again=${tried + 1}`);
  }
}

async function serve() {
  if (asked >= AT_ONCE) return;
  const picture = waiting.shift();
  if (!picture) return;
  asked += 1;
  await show(picture);
  asked -= 1;
  serve();
}

const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    sight.unobserve(target);
    waiting.push(/** @type {HTMLImageElement} */ (target));
    serve();
  }
}, { rootMargin: "200px" });

for (const picture of document.querySelectorAll("img[data-page-picture]")) sight.observe(picture);

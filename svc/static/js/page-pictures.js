// Small pictures of pages are drawn on demand; when the drawers are all busy, a small blank comes in their place.
// Such a picture is asked for again by itself, a few times, ever later.

const BLANK_WIDTH = 21; // of the blank; no page is drawn as small as that
const PAUSES = [1000, 3000, 9000]; // milliseconds

/** @param {HTMLImageElement} picture */
function watch(picture) {
  const address = picture.src;
  let tried = 0;
  const look = () => {
    if (picture.naturalWidth > BLANK_WIDTH || tried === PAUSES.length) return;
    window.setTimeout(() => {
      tried += 1;
      picture.src = `${address}?again=${tried}`;
    }, PAUSES[tried]);
  };
  picture.addEventListener("load", look);
  picture.addEventListener("error", look);
  if (picture.complete && picture.currentSrc) look();
}

for (const picture of document.querySelectorAll("img[data-page-picture]")) watch(picture);

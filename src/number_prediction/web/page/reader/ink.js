// Ink, { width, height, data } with 1 for ink -> its box.

/** A pixel with more ink than this belongs to the digit. */
const MIN_PIXEL_INK = 0.3;

/** The box of the ink on its page, [left, top, width, height]; null without ink. The ink is the page, reduced by a whole
 * factor. */
export function boxOf(ink, page) {
  let [left, top, right, bottom] = [ink.width, ink.height, -1, -1];
  ink.data.forEach((value, pixel) => {
    if (value <= MIN_PIXEL_INK) return;
    const [x, y] = [pixel % ink.width, Math.floor(pixel / ink.width)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  });
  if (right < 0) return null;
  const scale = Math.ceil(Math.max(page.width / ink.width, page.height / ink.height));
  return [left * scale, top * scale, (right + 1 - left) * scale, (bottom + 1 - top) * scale];
}

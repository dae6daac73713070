// RGBA values of a picture -> page, (H, W) grey: the same figures as images.py gives.

/** Weights of ITU-R 601-2 in 1/65536, as Pillow has them. */
const RED = 19595;
const GREEN = 38470;
const BLUE = 7471;

/** Grey of RGBA values (uint8, not premultiplied), and whether any of them is transparent. */
export function greyOf(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  let isTransparent = false;
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += 4) {
    grey[pixel] = (rgba[at] * RED + rgba[at + 1] * GREEN + rgba[at + 2] * BLUE + 0x8000) >> 16;
    isTransparent ||= rgba[at + 3] < 255;
  }
  return { grey, isTransparent };
}

/** Lay grey on the background that what is drawn stands out from: white, or black where it is light. */
export function layOnBackground(grey, opacity) {
  let drawn = 0;
  let light = 0;
  for (let pixel = 0; pixel < grey.length; pixel++) {
    drawn += opacity[pixel];
    light += grey[pixel] * opacity[pixel];
  }
  const background = light > 127 * drawn ? 0 : 255;
  for (let pixel = 0; pixel < grey.length; pixel++) {
    const mixed = grey[pixel] * opacity[pixel] + background * (255 - opacity[pixel]) + 128;
    grey[pixel] = ((mixed >> 8) + mixed) >> 8;
  }
}

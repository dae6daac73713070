// RGBA values of a picture -> page, (H, W) grey, with the same values as images/decode.py.

/** Weights of ITU-R 601-2 in 1/65536, as in Pillow. */
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

/** Put a transparent picture on a background: black if the picture is light, otherwise white. */
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

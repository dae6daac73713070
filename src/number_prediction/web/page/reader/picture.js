// A file -> picture -> page. The browser decodes the file and turns it upright; grey.js computes the page.

import { greyOf, layOnBackground } from "./grey.js";

/** Largest file and largest decoded picture, as in images/encoded.py and images/pixels.py. */
export const MAX_BYTES = 64 * 2 ** 20;
export const MAX_PIXELS = 50_000_000;
/** Side of the squares that are processed at once; it limits the size of the canvas. */
const TILE_SIDE_PX = 2048;
/** Longest side of a picture that is kept; the model uses no finer detail. */
const MAX_KEPT_SIDE_PX = 1024;
/** Pixel values as stored: Pillow ignores colour profiles too, and premultiplied colours would be rounded. */
export const AS_STORED = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** A picture that cannot be read; `key` and `values` select the message. */
export class PictureError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** Decode a file; the picture is upright. Throws PictureError. */
export async function decodePicture(file) {
  if (file.size > MAX_BYTES) throw new PictureError("error.picture.large", { megabytes: [file.size, MAX_BYTES] });
  await checkSize(file);
  try {
    return await createImageBitmap(file, { ...AS_STORED, imageOrientation: "from-image" });
  } catch {
    throw new PictureError("error.picture");
  }
}

/** Refuse a large picture before it is decoded; the browser reads the size from the first bytes. */
async function checkSize(file) {
  const address = URL.createObjectURL(file);
  const probe = new Image();
  try {
    await new Promise((resolve, reject) => {
      probe.onload = resolve;
      probe.onerror = () => reject(new PictureError("error.picture"));
      probe.src = address;
    });
    checkPixels(probe.naturalWidth * probe.naturalHeight);
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Refuse an empty picture, and one of more than MAX_PIXELS. Throws PictureError. */
export function checkPixels(pixels) {
  if (pixels > MAX_PIXELS) throw new PictureError("error.picture.large", { megapixels: [pixels, MAX_PIXELS] });
  if (!pixels) throw new PictureError("error.picture");
}

/** The page { width, height, grey } of a picture, or of a part of it { left, top, width, height }. */
export function toPage(bitmap, part = { left: 0, top: 0, width: bitmap.width, height: bitmap.height }) {
  const { left, top, width, height } = part;
  const grey = new Uint8Array(width * height);
  const opacity = new Uint8Array(width * height);
  let isTransparent = false;
  const canvas = new OffscreenCanvas(Math.min(TILE_SIDE_PX, width), Math.min(TILE_SIDE_PX, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let y = 0; y < height; y += TILE_SIDE_PX) {
    for (let x = 0; x < width; x += TILE_SIDE_PX) {
      const [columns, rows] = [Math.min(TILE_SIDE_PX, width - x), Math.min(TILE_SIDE_PX, height - y)];
      context.clearRect(0, 0, columns, rows);
      context.drawImage(bitmap, left + x, top + y, columns, rows, 0, 0, columns, rows);
      const rgba = context.getImageData(0, 0, columns, rows).data;
      const tile = greyOf(rgba);
      isTransparent ||= tile.isTransparent;
      for (let row = 0; row < rows; row++) {
        const begin = (y + row) * width + x;
        grey.set(tile.grey.subarray(row * columns, (row + 1) * columns), begin);
        for (let column = 0; column < columns; column++) {
          opacity[begin + column] = rgba[(row * columns + column) * 4 + 3];
        }
      }
    }
  }
  if (isTransparent) layOnBackground(grey, opacity);
  return { width, height, grey };
}

/** A PNG of a page, or of a part of it; large ones are reduced. */
export function toPng(page, part = { left: 0, top: 0, width: page.width, height: page.height }) {
  const whole = new OffscreenCanvas(part.width, part.height);
  const context = whole.getContext("2d");
  const image = context.createImageData(part.width, part.height);
  for (let row = 0, at = 0; row < part.height; row++) {
    const begin = (part.top + row) * page.width + part.left;
    for (let column = 0; column < part.width; column++, at += 4) paint(image.data, at, page.grey[begin + column]);
  }
  context.putImageData(image, 0, 0);
  const factor = Math.ceil(Math.max(part.width, part.height) / MAX_KEPT_SIDE_PX);
  if (factor === 1) return whole.convertToBlob({ type: "image/png" });
  const smaller = new OffscreenCanvas(Math.ceil(part.width / factor), Math.ceil(part.height / factor));
  const reduced = smaller.getContext("2d");
  reduced.imageSmoothingQuality = "high";
  reduced.drawImage(whole, 0, 0, smaller.width, smaller.height);
  return smaller.convertToBlob({ type: "image/png" });
}

/** Draw values in [0, 1], ink = 1, dark on white; the canvas gets their size. */
export function drawInk(canvas, { width, height, data }) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  data.forEach((value, pixel) => paint(image.data, pixel * 4, Math.round(255 * (1 - value))));
  context.putImageData(image, 0, 0);
}

function paint(rgba, at, value) {
  rgba[at] = rgba[at + 1] = rgba[at + 2] = value;
  rgba[at + 3] = 255;
}

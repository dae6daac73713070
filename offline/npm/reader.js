// A canvas, an image or a file -> answer, by the engine of the offline app.

import { startEngine } from "./reader/engine.js";
import { AS_STORED, checkPixels, decodePicture, MAX_BYTES, MAX_PIXELS, toPage } from "./reader/picture.js";

const CONFIG = new URL("config.json", import.meta.url);

const WORDS = {
  "error.down": "The files of number-prediction cannot be fetched. Serve the whole package beside your page.",
  "error.server": "The file config.json is missing. Serve the whole package beside your page.",
  "error.altered": "A model file differs from the one in the package. Copy the package again.",
  "error.engine": "The models cannot run",
  "error.picture": "The picture cannot be decoded, or is empty. Use PNG, JPEG, WebP, GIF or BMP.",
  "error.picture.large": `The picture is too large. At most ${MAX_BYTES / 2 ** 20} MB and ${MAX_PIXELS / 1e6} megapixels are read.`,
};

/** The reader, or a picture for it, failed. `code` is the name of the failure; `cause` is the first error. */
export class ReaderError extends Error {
  constructor(cause) {
    const detail = cause.key === "error.engine" ? `: ${cause.values.detail || "the worker did not start"}` : "";
    super(WORDS[cause.key] + detail, { cause });
    this.name = "ReaderError";
    this.code = cause.key.replace("error.", "");
  }
}

/** Await a step of the page's modules; its errors carry keys, which become words here. */
async function withWords(step) {
  try {
    return await step;
  } catch (error) {
    throw error.key in WORDS ? new ReaderError(error) : error;
  }
}

/** Load the models and start the reader. With `numbers: false`, only the model for single digits is loaded. */
export async function load({ numbers = true } = {}) {
  const engine = await withWords(startEngine(CONFIG));
  if (numbers) await withWords(engine.prepare());
  return new Reader(engine);
}

/** Reads pictures, one at a time, in a worker. */
export class Reader {
  #engine;
  #last = Promise.resolve();

  constructor(engine) {
    this.#engine = engine;
  }

  /** Read a canvas, image, ImageBitmap, ImageData, video frame, or file. Throws ReaderError. */
  async read(picture) {
    const page = await withWords(pageOf(picture));
    return this.readSource({ page: () => page });
  }

  /** Read a source, as engine.js describes it. */
  readSource(source) {
    const answer = this.#last.then(() => {
      if (!this.#engine) throw new TypeError("This reader is closed. Call load() again.");
      return withWords(this.#engine.read(source));
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Free the models. */
  close() {
    this.#engine?.close();
    this.#engine = undefined;
  }
}

async function pageOf(picture) {
  const bitmap = picture instanceof Blob ? await decodePicture(picture) : await createImageBitmap(await loaded(picture), AS_STORED);
  checkPixels(bitmap.width * bitmap.height);
  const { width, height, grey } = toPage(bitmap);
  bitmap.close();
  return { width, height, grey };
}

async function loaded(picture) {
  if (picture instanceof HTMLImageElement) await picture.decode();
  return picture;
}

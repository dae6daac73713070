// Pictures: opening a file, showing it instead of the drawing, and cropping it.

import { Crop } from "./crop.js";
import { find, on } from "../dom.js";
import { decodePicture, PictureError, toPage, toPng } from "../reader/picture.js";
import { state } from "../state.js";

export class PictureTools {
  #opening; // the file that was opened last

  /** `onChange()` is called with a new picture, `onError(error)` with a file that cannot be read. */
  constructor({ pad, onChange, onError }) {
    Object.assign(this, { pad, onChange, onError });
    this.crop = new Crop({ layer: find("crop"), area: find("crop-area"), start: find("crop-start"), end: find("crop-end") });
    for (const id of ["file", "photo"]) {
      on(id, "change", async (event) => {
        await this.open(event.target.files[0]);
        event.target.value = "";
      });
    }
    on("crop-begin", "click", () => this.#beginCrop());
    on("crop-cancel", "click", () => this.endCrop());
    on("crop-done", "click", () => this.#readPart());
    on("picture-remove", "click", () => this.#remove());
  }

  async open(file) {
    if (!file) return;
    this.#opening = file;
    try {
      if (file.type && !file.type.startsWith("image/")) throw new PictureError("error.picture.none");
      const bitmap = await decodePicture(file);
      if (this.#opening === file) this.show(bitmap, file); // else another file was opened meanwhile
    } catch (error) {
      if (this.#opening === file) this.onError(error);
    }
  }

  /** Show and read a bitmap; the server gets `file`, or else a PNG of the page. */
  show(bitmap, file) {
    let page;
    const asPage = () => (page ??= toPage(bitmap));
    state.source = { of: bitmap, page: asPage, file: async () => file ?? toPng(asPage()) };
    state.picture = { bitmap };
    this.#opening = undefined;
    state.answer = undefined;
    this.pad.show(bitmap);
    this.endCrop();
    this.onChange();
  }

  get isCropping() {
    return !find("crop").hidden;
  }

  endCrop() {
    this.#setCropping(false);
    this.crop.close();
  }

  #remove() {
    state.picture = state.answer = this.#opening = undefined;
    this.endCrop();
    this.pad.show(null);
    this.pad.onChange(true);
    find("canvas").focus();
  }

  #beginCrop() {
    this.#setCropping(true);
    this.crop.open(this.pad.place);
  }

  #setCropping(isCropping) {
    find("crop-begin").hidden = isCropping;
    find("picture-remove").hidden = isCropping;
    find("crop-done").hidden = !isCropping;
    find("crop-cancel").hidden = !isCropping;
    find("boxes").hidden = isCropping;
  }

  async #readPart() {
    const { bitmap } = state.picture;
    const { left, top, width, height } = this.crop.in(bitmap);
    const part = await createImageBitmap(bitmap, left, top, width, height, { premultiplyAlpha: "none" });
    if (state.picture?.bitmap !== bitmap) return; // another picture was opened meanwhile
    this.show(part);
    find("canvas").focus();
  }
}

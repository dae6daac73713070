// The notice at the bottom of the page: what went wrong, and a button to try again.

import { find, on } from "../dom.js";
import { EngineError, useToken } from "../reader/engine.js";
import { PictureError } from "../reader/picture.js";
import { say, sayNumber } from "../strings.js";

const BYTES_PER_MEGABYTE = 2 ** 20;
const PIXELS_PER_MEGAPIXEL = 1e6;

export class Notice {
  #timer; // tries again when the server was busy

  constructor() {
    on("retry", "click", () => this.#tryAgain());
    on("token-form", "submit", (event) => {
      event.preventDefault();
      useToken(find("token").value);
      this.#tryAgain();
    });
  }

  /** Show an error; `retry` does again what failed. */
  show(error, retry) {
    clearTimeout(this.#timer);
    this.retry = retry;
    find("notice").hidden = false;
    find("notice-text").textContent = explain(error);
    find("token-form").hidden = error.key !== "error.token";
    find("retry").hidden = !retry || error.key === "error.token";
    if (error.key === "error.busy" && retry) this.#timer = setTimeout(retry, 1000 * error.values.wait);
  }

  hide() {
    clearTimeout(this.#timer);
    this.retry = undefined;
    find("notice").hidden = true;
  }

  /** Hide the notice if it is about one of these actions. */
  hideIfAbout(...actions) {
    if (actions.includes(this.retry)) this.hide();
  }

  /** Hide the notice unless it is about one of these actions. */
  hideUnlessAbout(...actions) {
    if (!actions.includes(this.retry)) this.hide();
  }

  #tryAgain() {
    const { retry } = this;
    this.hide();
    void retry?.();
  }
}

function explain(error) {
  if (error instanceof PictureError && error.key === "error.picture.large") {
    const [[unit, [size, limit]]] = Object.entries(error.values);
    const divisor = unit === "megabytes" ? BYTES_PER_MEGABYTE : PIXELS_PER_MEGAPIXEL;
    const written = (value) => say(unit, { count: sayNumber(value / divisor, 1) });
    return say(error.key, { size: written(size), limit: written(limit) });
  }
  if (error instanceof PictureError || error instanceof EngineError) return say(error.key, error.values);
  return say("error.store", { detail: error.message });
}

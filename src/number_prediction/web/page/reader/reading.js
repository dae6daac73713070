// Reading what is drawn or opened: one request at a time. Of the requests that arrive meanwhile, only the last is made.

/** While a stroke is being drawn, the engine waits until the pen has rested this long: a reading that runs when the
 * stroke ends would delay the final answer. */
const PEN_REST_MS = 80;
/** During a long stroke, the engine reads at least this often. */
const LONG_STROKE_MS = 1000;

export class Reading {
  #wanted; // { source, begun } from the request to its answer
  #isReading = false;
  #askedAt = 0;
  #resting; // timer until the pen has rested

  /** `engine()` is the engine, if it has started; `isDrawing()` says whether the pen is down; the others are called with
   * each change, answer and error. */
  constructor({ engine, isDrawing, onChange, onAnswer, onSettled, onError }) {
    Object.assign(this, { engine, isDrawing, onChange, onAnswer, onSettled, onError });
  }

  get isWaiting() {
    return Boolean(this.#wanted);
  }

  /** Read a source, if there is one; `begun` is when the pen was lifted. */
  read(source, begun) {
    this.#wanted = source && { source, begun };
    this.onChange();
    clearTimeout(this.#resting);
    this.#resting = undefined;
    if (!this.isDrawing()) return void this.#readWanted();
    const pause = Math.min(PEN_REST_MS, this.#askedAt + LONG_STROKE_MS - performance.now());
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      void this.#readWanted();
    }, pause);
  }

  async #readWanted() {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#wanted && this.engine() && !this.#resting) {
      const asked = this.#wanted;
      this.#askedAt = performance.now();
      try {
        const answer = await this.engine().read(asked.source);
        if (this.#wanted === asked && asked.begun) performance.measure("answer", { start: asked.begun });
        this.onAnswer(answer, asked.source);
      } catch (error) {
        if (this.#wanted === asked) this.onError(error);
      }
      const isLast = this.#wanted === asked;
      if (isLast) this.#wanted = undefined;
      this.onChange();
      if (isLast) this.onSettled();
    }
    this.#isReading = false;
  }
}

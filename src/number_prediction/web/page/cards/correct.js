// The part of the answer card where a person corrects an answer and may keep the picture.

import { isBlank, NONE, sayLabel } from "./answer.js";
import { find, make, on } from "../dom.js";
import { toPng } from "../reader/picture.js";
import { state } from "../state.js";
import { say } from "../strings.js";

/** Paper around a digit of a number when its picture is kept, as a share of the digit's height. */
const PAPER_PER_HEIGHT = 0.2;

export class CorrectionCard {
  given; // { label, state: "asked", "sent" or "kept" } once the person has chosen a label
  picked = 0; // index of the digit that is corrected, in a number

  /** The callbacks are called after each change, after a picture is kept (isShown: it is still the current one), and
   * with an error and a function that tries again. */
  constructor({ onChange, onKept, onError }) {
    Object.assign(this, { onChange, onKept, onError });
    on("keep", "click", () => this.keep());
    on("forget", "click", () => {
      this.given = undefined;
      this.onChange();
      find("choices").firstElementChild.focus();
    });
  }

  /** Forget the correction of an earlier drawing. */
  reset() {
    this.given = undefined;
    this.picked = 0;
  }

  show() {
    const { answer, engine } = state;
    const isOpen = Boolean(answer) && !isBlank(answer);
    find("correct").hidden = !isOpen;
    if (!isOpen) return;
    const glyph = answer.kind === "number" ? answer.glyphs[this.picked].glyph : undefined;
    find("correct-title").textContent = glyph ? say("correct.title.glyph", { glyph }) : say("correct.title");
    this.#showChoices([...engine.model.classes, NONE]);
    const isKept = this.given?.state === "kept";
    find("consent").hidden = !this.given || isKept;
    find("kept-note").hidden = !isKept;
    if (isKept) find("kept-note").textContent = say("kept.done");
    if (this.given) find("consent-text").textContent = say(`consent.${engine.kind}`, { label: sayLabel(this.given.label) });
  }

  #showChoices(labels) {
    if (find("choices").childElementCount !== labels.length) {
      find("choices").replaceChildren(
        ...labels.map((label) => {
          const button = make("button", { type: "button", "data-choice": label });
          button.addEventListener("click", () => this.correct(label));
          return button;
        }),
      );
    }
    for (const button of find("choices").children) {
      button.textContent = sayLabel(button.dataset.choice);
      button.setAttribute("aria-pressed", button.dataset.choice === this.given?.label);
    }
  }

  /** Choose the digit of a number to correct. */
  pick(index) {
    this.picked = index;
    this.given = undefined;
    this.onChange();
    find("choices").firstElementChild.focus();
  }

  /** Say what the digit really is. */
  correct(label) {
    if (!state.answer || isBlank(state.answer)) return;
    this.given = { label, state: "asked" };
    this.onChange();
    find("keep").focus();
  }

  /** Keep the picture and the label as they are now, even if the person goes on drawing meanwhile. */
  keep() {
    const { answer, engine, source } = state;
    const page = source.page();
    const isNumber = answer.kind === "number";
    const { frame, ink, kind, ...prediction } = isNumber ? answer.glyphs[this.picked] : answer;
    const part = isNumber ? addPaper(prediction.box, page) : undefined;
    const values = {
      strokes: source.strokes ?? null, // of the whole page, even if the picture is a part of it
      prediction: { text: prediction.glyph ?? prediction.text, ...prediction },
      label: this.given.label,
      model_sha256: isNumber ? engine.model.numberSha256 : engine.model.sha256,
    };
    void this.#send(this.given, values, () => toPng(page, part));
  }

  async #send(given, values, encode) {
    if (given.state !== "asked") return; // the button was pressed twice
    given.state = "sent";
    try {
      await state.store.add({ ...values, picture: await encode() });
    } catch (error) {
      given.state = "asked";
      this.onError(error, () => this.#send(given, values, encode));
      return;
    }
    given.state = "kept";
    this.onChange();
    await this.onKept(given === this.given);
  }
}

/** The part of a page that holds a box with some paper around it. */
function addPaper([left, top, width, height], page) {
  const paper = PAPER_PER_HEIGHT * height;
  const [x, y] = [Math.max(0, Math.floor(left - paper)), Math.max(0, Math.floor(top - paper))];
  return {
    left: x,
    top: y,
    width: Math.min(page.width, Math.ceil(left + width + paper)) - x,
    height: Math.min(page.height, Math.ceil(top + height + paper)) - y,
  };
}

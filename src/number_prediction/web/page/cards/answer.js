// The answer card: shows the answer of an engine and describes it in words.

import { find, fit, make } from "../dom.js";
import { drawInk } from "../reader/picture.js";
import { hasWords, say, sayNumber, sayShare } from "../strings.js";

/** An answer with less confidence is shown as unsure. */
const SURE_CONFIDENCE = 0.9;
/** Label of a picture without a digit. */
export const NONE = "none";

/** The words for a label. */
export function sayLabel(label) {
  return label === NONE ? say("none") : label;
}

/** The answer card. `onPick(index)` is called with the index of a digit that the person wants to correct. */
export class AnswerCard {
  constructor(onPick) {
    this.onPick = onPick;
    this.bars = [];
  }

  /** Show an answer. Returns its description for screen readers. */
  show({ answer, engine, isReading, corrected, picked }) {
    const words = describe(answer, engine, isReading, corrected, picked);
    find("answer").dataset.state = words.state;
    find("big").textContent = words.big;
    find("big").dataset.length = words.big.length;
    find("verdict").textContent = words.verdict;
    find("sure").textContent = words.sure;
    this.#showWarnings(words.warnings);
    this.#showBars(answer?.kind === "number" ? null : (answer?.probabilities ?? []), answer?.text, engine?.model);
    this.#showGlyphs(answer?.kind === "number" ? answer.glyphs : []);
    showSeen(words.state === "empty" ? undefined : answer);
    const sentences = [words.verdict, words.sure, ...words.warnings].filter(Boolean);
    return sentences.map((text) => (text.endsWith(".") ? text : `${text}.`)).join(" ");
  }

  #showWarnings(warnings) {
    const list = find("warnings");
    list.hidden = !warnings.length;
    list.replaceChildren(...warnings.map((text) => make("li", { text })));
  }

  /** Show ten bars; they are created once and then changed, so that they move smoothly. */
  #showBars(shares, winner, model) {
    const list = find("bars");
    list.hidden = shares === null;
    const classes = model?.classes ?? [..."0123456789"];
    if (this.bars.length !== classes.length) {
      this.bars = classes.map((name) => {
        const [bar, figure] = [make("span", { class: "fill" }), make("span", { class: "figure" })];
        const row = make("li", {}, [
          make("span", { text: name, class: "name" }),
          make("span", { class: "track", "aria-hidden": "true" }, [bar]),
          figure,
        ]);
        return { row, bar, figure, name };
      });
      list.replaceChildren(...this.bars.map(({ row }) => row));
    }
    this.bars.forEach(({ row, bar, figure, name }, index) => {
      const share = shares?.[index];
      bar.style.transform = `scaleX(${share ?? 0})`;
      figure.textContent = share === undefined ? "–" : sayShare(share);
      row.classList.toggle("winner", share !== undefined && name === winner);
    });
  }

  #showGlyphs(glyphs) {
    const list = find("glyphs");
    list.hidden = !glyphs.length;
    fit(list, glyphs.length, (index) => this.#addGlyph(index));
    glyphs.forEach(({ glyph, confidence, alternatives }, index) => {
      const [button, other] = list.children[index].children;
      button.setAttribute("aria-label", say("glyph.correct", { glyph, share: sayShare(confidence) }));
      button.classList.toggle("unsure", confidence < SURE_CONFIDENCE);
      button.querySelector(".glyph").textContent = glyph;
      button.querySelector(".figure").textContent = sayShare(confidence);
      const also = alternatives.find(([name]) => name);
      other.hidden = !also;
      if (also) other.textContent = say("glyph.also", { glyph: also[0], share: sayShare(also[1]) });
    });
  }

  #addGlyph(index) {
    const button = make("button", { type: "button" }, [make("span", { class: "glyph" }), make("span", { class: "figure" })]);
    button.addEventListener("click", () => this.onPick(index));
    return make("li", {}, [button, make("span", { class: "soft" })]);
  }
}

/** The state of the card and its texts. */
function describe(answer, engine, isReading, corrected, picked) {
  const words = { state: "empty", big: "", verdict: say("answer.empty"), sure: say("answer.empty.more"), warnings: [] };
  if (!engine && !answer) return { ...words, state: "loading", verdict: say("answer.loading"), sure: "" };
  if (!answer) return isReading ? { ...words, verdict: say("answer.reading"), sure: "" } : words;
  const time = sayNumber(answer.milliseconds, answer.milliseconds < 10 ? 1 : 0);
  const sure = say("answer.time", { share: sayShare(answer.confidence), time });
  if (corrected) {
    const isNumber = answer.kind === "number";
    const big = isNumber ? withCorrection(answer.glyphs, picked, corrected) : corrected === NONE ? "–" : corrected;
    const label = isNumber ? big : sayLabel(corrected);
    return { ...words, state: "corrected", big, verdict: say("answer.corrected", { label }), sure: "" };
  }
  if (answer.kind === "number") {
    const isSure = answer.confidence >= SURE_CONFIDENCE;
    const key = isSure ? "answer.number" : "answer.unsure.alone";
    return { ...words, state: isSure ? "sure" : "unsure", big: answer.text, verdict: say(key, answer), sure };
  }
  if (isBlank(answer)) return { ...words, state: "blank", verdict: say("answer.blank"), sure: "" };
  const warnings = answer.warnings.map(({ code, text }) => (hasWords(`warning.${code}`) ? say(`warning.${code}`) : text));
  const [best, next] = ranking(answer, engine.model);
  if (answer.text === null) {
    const one = engine.readsNumbers ? [] : [say(engine.model.hasNumber ? "numbers.soon" : "answer.one")];
    const closest = say("answer.none.more", { text: best.name });
    return { ...words, state: "none", big: "–", verdict: say("answer.none"), sure: closest, warnings: [...warnings, ...one] };
  }
  if (answer.confidence >= SURE_CONFIDENCE) {
    return { ...words, state: "sure", big: answer.text, verdict: sayDigit(answer), sure, warnings };
  }
  const verdict = say("answer.unsure", { text: answer.text, other: next.name });
  return { ...words, state: "unsure", big: answer.text, verdict, sure, warnings };
}

/** "This is a 7", or "an 8". */
function sayDigit({ text }) {
  const key = `answer.digit.${text}`;
  return say(hasWords(key) ? key : "answer.digit", { text });
}

/** The text of a number with one corrected glyph; "?" if that is no digit. */
function withCorrection(glyphs, picked, label) {
  return glyphs.map(({ glyph }, index) => (index !== picked ? glyph : label === NONE ? "?" : label)).join("");
}

/** Whether the page is blank. */
export function isBlank(answer) {
  return answer.isDigit === 0 || answer.warnings?.some(({ code }) => code === "blank");
}

/** Classes with their probabilities, most probable first. */
function ranking({ probabilities }, { classes }) {
  return classes.map((name, index) => ({ name, share: probabilities[index] })).sort((one, two) => two.share - one.share);
}

function showSeen(answer) {
  const isSeen = Boolean(answer?.frame) && !isBlank(answer);
  find("seen").hidden = !isSeen;
  if (!isSeen) return;
  drawInk(find("seen-frame").querySelector("canvas"), answer.frame);
  find("seen-ink").hidden = !answer.ink;
  if (answer.ink) drawInk(find("seen-ink").querySelector("canvas"), answer.ink);
}

// An answer of an engine -> what is seen and said of it.

import { drawInk } from "./picture.js";
import { hasWords, say, sayNumber, sayShare } from "./strings.js";

/** Confidence below which an answer is called unsure. */
const SURE = 0.9;
/** Name of the class of what is no digit. */
export const NONE = "none";

const find = (id) => document.getElementById(id);

/** A new element with text and attributes. */
export function make(name, { text, ...attributes } = {}, children = []) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** How a label is written. */
export function sayLabel(label) {
  return label === NONE ? say("none") : label;
}

/** Bring a list to a count of items, made by `add(index)`. Those that are there stay, with the focus on them. */
export function fit(list, count, add) {
  while (list.childElementCount > count) list.lastElementChild.remove();
  while (list.childElementCount < count) list.append(add(list.childElementCount));
}

/** The card of the answer. `onPick(glyph)` is called with the place of a glyph that is to be corrected. */
export class AnswerCard {
  constructor(onPick) {
    this.onPick = onPick;
    this.bars = [];
  }

  /** Say what is known. Returns the words, for those who cannot see them. */
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

  /** Ten bars, made once and changed, so that they glide. */
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
      button.classList.toggle("unsure", confidence < SURE);
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

/** The state of the card and its words. */
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
    const isSure = answer.confidence >= SURE;
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
  if (answer.confidence >= SURE) {
    return { ...words, state: "sure", big: answer.text, verdict: say("answer.digit", answer), sure, warnings };
  }
  const verdict = say("answer.unsure", { text: answer.text, other: next.name });
  return { ...words, state: "unsure", big: answer.text, verdict, sure, warnings };
}

/** The text of a number one glyph of which was corrected; "?" where it is no digit. */
function withCorrection(glyphs, picked, label) {
  return glyphs.map(({ glyph }, index) => (index !== picked ? glyph : label === NONE ? "?" : label)).join("");
}

/** Whether nothing was found on the page. */
export function isBlank(answer) {
  return answer.isDigit === 0 || answer.warnings?.some(({ code }) => code === "blank");
}

/** Classes with their probabilities, the most probable first. */
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

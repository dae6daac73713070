// The boxes around the digits on the drawing or picture; each is a button that corrects its digit.

import { find, fit, make } from "../dom.js";
import { say, sayShare } from "../strings.js";

/** Height above a box that its label needs; without it the label stands inside the box. */
const LABEL_HEIGHT_PX = 36;

/** Show the boxes of an answer on a page of `size`, which covers the part `place` of the stage. */
export function showBoxes({ answer, picked, size: { width, height }, place, onPick }) {
  const glyphs = answer?.kind === "number" ? answer.glyphs : answer?.box ? [{ ...answer, glyph: answer.text ?? "?" }] : [];
  fit(find("boxes"), glyphs.length, (index) => addBox(index, onPick));
  glyphs.forEach(({ glyph, confidence, box }, index) => {
    const item = find("boxes").children[index];
    const [button] = item.children;
    button.textContent = glyph;
    button.setAttribute("aria-label", say("glyph.correct", { glyph, share: sayShare(confidence) }));
    item.classList.toggle("picked", answer.kind === "number" && index === picked);
    const top = place.top + (place.height * box[1]) / height;
    item.classList.toggle("high", top * find("canvas").clientHeight < LABEL_HEIGHT_PX);
    Object.assign(item.style, {
      left: `${100 * (place.left + (place.width * box[0]) / width)}%`,
      top: `${100 * top}%`,
      width: `${(100 * place.width * box[2]) / width}%`,
      height: `${(100 * place.height * box[3]) / height}%`,
    });
  });
}

function addBox(index, onPick) {
  const button = make("button", { type: "button" });
  button.addEventListener("click", () => onPick(index));
  return make("li", {}, [button]);
}

// Keys, paste and drop, anywhere on the page.

import { NONE } from "./cards/answer.js";
import { find } from "./dom.js";
import { state } from "./state.js";

/** Listen for keys: undo and redo on the drawing, labels on the answer, Escape while cropping. */
export function listenForKeys({ pad, correctionCard, pictureTools }) {
  document.addEventListener("keydown", (event) => {
    if (find("view-read").hidden || event.altKey || event.target.matches("input[type=password], select")) return;
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase();
      if (state.picture || (key !== "z" && key !== "y")) return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) pad.redo();
      else pad.undo();
    } else if (event.target.closest("#stage, #answer")) { // single keys work only near a digit
      const label = event.key.toLowerCase() === "n" ? NONE : event.key;
      if (label === NONE || state.engine?.model.classes.includes(label)) correctionCard.correct(label);
      if (event.key === "Escape" && pictureTools.isCropping) pictureTools.endCrop();
    }
  });
}

/** Open files that are pasted or dropped. */
export function listenForFiles(pictureTools) {
  const open = (file) => {
    location.hash = "#read";
    void pictureTools.open(file);
  };
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    open(file);
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    find("drop").hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) find("drop").hidden = true;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    find("drop").hidden = true;
    const [file] = event.dataTransfer.files;
    if (file) open(file);
  });
}

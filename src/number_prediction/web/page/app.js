// The page: connects the drawing, pictures, the engine, the answer, corrections and views.

import { AnswerCard } from "./cards/answer.js";
import { showBoxes } from "./cards/boxes.js";
import { CorrectionCard } from "./cards/correct.js";
import { CorrectionsView } from "./cards/corrections.js";
import { announce, announceLater, find, on } from "./dom.js";
import { startEngine } from "./reader/engine.js";
import { listenForFiles, listenForKeys } from "./input.js";
import { openStore } from "./reader/kept.js";
import { Notice } from "./cards/notice.js";
import { PictureTools } from "./cards/opening.js";
import { Pad } from "./cards/pad.js";
import { toPng } from "./reader/picture.js";
import { Reading } from "./reader/reading.js";
import { state } from "./state.js";
import { preferredLanguage, say, setLanguage } from "./strings.js";

const VIEWS = ["read", "kept", "learn"];

const notice = new Notice();
const reading = new Reading({
  engine: () => state.engine,
  isDrawing: () => pad.isDrawing,
  onChange: show,
  onAnswer: takeAnswer,
  onSettled: () => void showInside(),
  onError: (error) => {
    state.answer = undefined;
    notice.show(error, readAgain);
  },
});
const pad = new Pad(find("canvas"), takeDrawing);
const pictureTools = new PictureTools({ pad, onChange: readNew, onError: (error) => notice.show(error) });
const correctionCard = new CorrectionCard({ onChange: show, onKept: afterKeeping, onError: complain });
const correctionsView = new CorrectionsView({ onError: complain });
const answerCard = new AnswerCard(pickGlyph);

function complain(error, retry) {
  notice.show(error, retry);
}

function pickGlyph(index) {
  correctionCard.pick(index);
}

// Reading.

function takeDrawing(isFinished) {
  state.source = pad.isEmpty
    ? undefined
    : {
        ...pad.toSource(),
        of: pad.strokes[0],
        file: () => toPng(pad.toPage()),
        strokes: pad.toStrokes(),
      };
  readNew(isFinished ? performance.now() : undefined);
}

/** Read what was drawn, opened or removed just now; `begun` is when the pen was lifted. */
function readNew(begun) {
  correctionCard.reset();
  if (!state.source) state.answer = undefined;
  notice.hideUnlessAbout(start, prepare, readAgain);
  reading.read(state.source, begun);
}

/** Read the same again. */
function readAgain() {
  reading.read(state.source);
}

/** Show an answer if it is about the current drawing, even about fewer of its strokes, until the person corrects it. */
function takeAnswer(answer, source) {
  notice.hideIfAbout(readAgain);
  if (correctionCard.given || source.of !== state.source?.of) return;
  if (answer.text !== state.answer?.text) correctionCard.picked = 0;
  state.answer = answer;
}

// The view "Read".

function show() {
  const { answer, engine, picture, source } = state;
  const { given, picked } = correctionCard;
  const words = answerCard.show({ answer, engine, isReading: reading.isWaiting, corrected: given?.label, picked });
  find("answer").setAttribute("aria-busy", reading.isWaiting);
  announceLater(pad.isDrawing || !answer ? undefined : words);
  find("hint").hidden = Boolean(source);
  find("hint").textContent = say(engine?.model.hasNumber ? "hint.number" : "hint.digit");
  find("read-title").textContent = say(engine?.model.hasNumber ? "read.title.number" : "read.title.digit");
  find("picture-tools").hidden = !picture;
  find("paste-hint").hidden = Boolean(picture);
  find("place").textContent = engine ? say(`place.${engine.kind}`) : "";
  find("seen-more").hidden = engine?.kind === "server";
  find("foot").textContent = sayFoot();
  showTools();
  showBoxes({ answer, picked, size: picture?.bitmap ?? pad.page.canvas, place: pad.place, onPick: pickGlyph });
  correctionCard.show();
}

function showTools() {
  const hasPicture = Boolean(state.picture);
  find("undo").disabled = hasPicture || !pad.past.length;
  find("redo").disabled = hasPicture || !pad.future.length;
  find("clear").disabled = hasPicture || pad.isEmpty;
  find("pen").setAttribute("aria-pressed", pad.tool === "pen");
  find("eraser").setAttribute("aria-pressed", pad.tool === "eraser");
  find("canvas").setAttribute("aria-label", say(hasPicture ? "canvas.picture" : "canvas"));
}

function sayFoot() {
  const { engine, isOffline } = state;
  if (!engine) return say("foot.loading");
  const { sha256, version, hasNumber } = engine.model;
  const soon = hasNumber && !engine.readsNumbers && say("numbers.soon");
  const about = say("foot.model", { sha: sha256.slice(0, 12), version });
  return [isOffline && say("foot.offline"), soon, about].filter(Boolean).join(" ");
}

async function afterKeeping(isShown) {
  notice.hide();
  announce(say("kept.done"));
  if (isShown) find("canvas").focus();
  if (!find("view-kept").hidden) await correctionsView.show();
}

// Views.

/** Show the view that the address names. The view appears at once; its content may load later. */
async function openView() {
  const name = VIEWS.find((view) => location.hash === `#${view}`) ?? VIEWS[0];
  for (const view of VIEWS) find(`view-${view}`).hidden = view !== name;
  document.querySelector(".skip").hash = `view-${name}`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!state.engine) return;
  if (name === "kept") await correctionsView.show();
  await showInside();
}

/** Show how the network computes the answer, if that view is open. */
async function showInside() {
  if (find("view-learn").hidden) return;
  try {
    const { showLearn } = await import("./cards/learn.js");
    await showLearn({ engine: state.engine, answer: state.answer, read: readTile });
  } catch (error) {
    notice.show(error, showInside);
  }
}

/** Read a picture of the gallery. */
function readTile(bitmap) {
  location.hash = "#read";
  pictureTools.show(bitmap);
}

function findOpenView() {
  return VIEWS.map((view) => find(`view-${view}`)).find((view) => !view.hidden);
}

function useTool(tool) {
  pad.tool = tool;
  show();
}

on("pen", "click", () => useTool("pen"));
on("eraser", "click", () => useTool("eraser"));
on("width", "input", (event) => (pad.width = Number(event.target.value)));
on("undo", "click", () => pad.undo());
on("redo", "click", () => pad.redo());
on("clear", "click", () => {
  pad.clear();
  find("canvas").focus();
});
on("language", "change", async (event) => {
  localStorage.setItem("language", event.target.value);
  await speak(event.target.value);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  findOpenView().focus();
});
window.addEventListener("hashchange", () => {
  void openView();
  findOpenView().focus({ preventScroll: true });
  scrollTo(0, 0);
});
listenForKeys({ pad, correctionCard, pictureTools });
listenForFiles(pictureTools);

// Starting.

async function speak(language) {
  setLanguage(language);
  find("language").value = language;
  show();
  await openView();
}

async function start() {
  try {
    state.engine = await startEngine();
  } catch (error) {
    notice.show(error, start);
    return;
  }
  state.store = openStore(state.engine.kind);
  notice.hideIfAbout(start);
  readAgain();
  await openView();
  if (state.engine.kind === "browser") await Promise.all([prepare(), keepOffline()]);
}

/** Load the model for numbers once digits can be read; then read again what may be a number. */
async function prepare() {
  try {
    await state.engine.prepare();
  } catch (error) {
    notice.show(error, prepare);
    return;
  }
  readAgain();
}

/** Once the page can be used, store its files for use without a connection. */
async function keepOffline() {
  if (!navigator.serviceWorker) return; // exists only on secure connections and on localhost
  await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  state.isOffline = true;
  show();
}

await speak(preferredLanguage());
await start();

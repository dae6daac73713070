// The page itself: what a person does -> sources for the engine, and its answers -> the page.

import { AnswerCard, fit, isBlank, make, NONE, sayLabel } from "./answer.js";
import { Crop } from "./crop.js";
import { EngineError, startEngine, useToken } from "./engine.js";
import { openStore } from "./kept.js";
import { Pad } from "./pad.js";
import { decodePicture, PictureError, toPage, toPng } from "./picture.js";
import { preferredLanguage, say, sayNumber, sayShare, sayTime, setLanguage } from "./strings.js";

/** Time without a change after which the answer is said aloud, in ms. */
const QUIET = 600;
/** Paper around a glyph that is kept, as a share of its height. */
const MARGIN = 0.2;
/** Pixels from the top of the canvas within which there is no room for a name above a box. */
const HIGH = 36;
/** Milliseconds that the pen rests in the middle of a stroke before what is there is read: while that is being read,
 * the end of a stroke would have to wait. In a long stroke it is read now and then all the same. */
const REST = 80;
const STROKE = 1000;
const VIEWS = ["read", "kept", "learn"];

const find = (id) => document.getElementById(id);

let engine;
let store;
let source; // what is read, and what it is `of`: a drawing's first stroke or a bitmap; undefined while nothing is
let picture; // { bitmap } while a picture is shown
let opening; // the file that was opened last
let answer;
let correction; // { label, state: "asked", "sent" or "kept" } once the person has said what it is
let picked = 0; // the glyph of a number that is corrected
let isOffline = false;
let announcing;

const pad = new Pad(find("canvas"), (isFinished) => {
  source = pad.isEmpty
    ? undefined
    : {
        of: pad.strokes[0],
        page: () => pad.toPage(),
        written: () => pad.toWritten(),
        file: () => toPng(pad.toPage()),
        strokes: pad.toStrokes(),
      };
  changed(isFinished ? performance.now() : undefined);
});
const card = new AnswerCard(pick);
const crop = new Crop({ layer: find("crop"), area: find("crop-area"), start: find("crop-start"), end: find("crop-end") });

// Reading: one question at a time; of those that come meanwhile only the last one counts.

let wanted; // { source, begun } from the question to its answer
let isReading = false;
let askedAt = 0;
let resting; // until the pen has rested

/** Something was drawn or opened, or taken away; `begun` is when the pen went up. */
function changed(begun) {
  correction = undefined;
  picked = 0;
  if (!source) answer = undefined;
  if (![start, prepare, readAgain].includes(again)) hideNotice(); // of what was before
  read(begun);
}

function read(begun) {
  wanted = source && { source, begun };
  show();
  clearTimeout(resting);
  resting = undefined;
  if (!pad.isDrawing) return void readWanted();
  const pause = Math.min(REST, askedAt + STROKE - performance.now());
  resting = setTimeout(() => {
    resting = undefined;
    void readWanted();
  }, pause);
}

/** The same once more. */
function readAgain() {
  read();
}

async function readWanted() {
  if (isReading) return;
  isReading = true;
  while (wanted && engine && !resting) {
    const asked = wanted;
    askedAt = performance.now();
    try {
      take(await engine.read(asked.source), asked);
    } catch (error) {
      if (wanted === asked) fail(error);
    }
    const isLast = wanted === asked;
    if (isLast) wanted = undefined;
    show();
    if (isLast) void showInside();
  }
  isReading = false;
}

/** What was found is the answer, also of fewer strokes of the same drawing, until the person says what it is. */
function take(found, asked) {
  if (again === readAgain) hideNotice();
  if (wanted === asked && asked.begun) performance.measure("answer", { start: asked.begun });
  if (correction || asked.source.of !== source?.of) return;
  if (found.text !== answer?.text) picked = 0;
  answer = found;
}

function fail(error) {
  answer = undefined;
  complain(error, readAgain);
}

// What is seen.

function show() {
  const words = card.show({ answer, engine, isReading: Boolean(wanted), corrected: correction?.label, picked });
  find("answer").setAttribute("aria-busy", Boolean(wanted));
  clearTimeout(announcing);
  if (answer && !pad.isDrawing) announcing = setTimeout(announce, QUIET, words);
  find("hint").hidden = Boolean(source);
  find("hint").textContent = say(engine?.model.hasNumber ? "hint.number" : "hint.digit");
  find("read-title").textContent = say(engine?.model.hasNumber ? "read.title.number" : "read.title.digit");
  find("undo").disabled = Boolean(picture) || !pad.past.length;
  find("redo").disabled = Boolean(picture) || !pad.future.length;
  find("clear").disabled = Boolean(picture) || pad.isEmpty;
  find("pen").setAttribute("aria-pressed", pad.tool === "pen");
  find("eraser").setAttribute("aria-pressed", pad.tool === "eraser");
  find("picture-tools").hidden = !picture;
  find("paste-hint").hidden = Boolean(picture);
  find("canvas").setAttribute("aria-label", say(picture ? "canvas.picture" : "canvas"));
  find("place").textContent = engine ? say(`place.${engine.kind}`) : "";
  find("seen-more").hidden = engine?.kind === "server";
  find("foot").textContent = sayFoot();
  showBoxes();
  showCorrection();
}

function sayFoot() {
  if (!engine) return say("foot.loading");
  const { sha256, version, hasNumber } = engine.model;
  const soon = hasNumber && !engine.readsNumbers && say("numbers.soon");
  const about = say("foot.model", { sha: sha256.slice(0, 12), version });
  return [isOffline && say("foot.offline"), soon, about].filter(Boolean).join(" ");
}

/** Say something to those who cannot see it, instead of what was to be said. */
function announce(words) {
  clearTimeout(announcing);
  if (find("announce").textContent !== words) find("announce").textContent = words;
}

function showBoxes() {
  const glyphs = answer?.kind === "number" ? answer.glyphs : answer?.box ? [{ ...answer, glyph: answer.text ?? "?" }] : [];
  const { width, height } = picture?.bitmap ?? pad.page.canvas;
  const { left, top, width: across, height: down } = pad.place;
  fit(find("boxes"), glyphs.length, addBox);
  glyphs.forEach(({ glyph, confidence, box }, index) => {
    const item = find("boxes").children[index];
    const [button] = item.children;
    button.textContent = glyph;
    button.setAttribute("aria-label", say("glyph.correct", { glyph, share: sayShare(confidence) }));
    item.classList.toggle("picked", answer.kind === "number" && index === picked);
    const begin = top + (down * box[1]) / height;
    item.classList.toggle("high", begin * find("canvas").clientHeight < HIGH);
    Object.assign(item.style, {
      left: `${100 * (left + (across * box[0]) / width)}%`,
      top: `${100 * begin}%`,
      width: `${(100 * across * box[2]) / width}%`,
      height: `${(100 * down * box[3]) / height}%`,
    });
  });
}

function addBox(index) {
  const button = make("button", { type: "button" });
  button.addEventListener("click", () => pick(index));
  return make("li", {}, [button]);
}

function showCorrection() {
  const isOpen = Boolean(answer) && !isBlank(answer);
  find("correct").hidden = !isOpen;
  if (!isOpen) return;
  const glyph = answer.kind === "number" ? answer.glyphs[picked].glyph : undefined;
  find("correct-title").textContent = glyph ? say("correct.title.glyph", { glyph }) : say("correct.title");
  const labels = [...engine.model.classes, NONE];
  if (find("choices").childElementCount !== labels.length) {
    find("choices").replaceChildren(
      ...labels.map((label) => {
        const button = make("button", { type: "button", "data-choice": label });
        button.addEventListener("click", () => correct(label));
        return button;
      }),
    );
  }
  for (const button of find("choices").children) {
    button.textContent = sayLabel(button.dataset.choice);
    button.setAttribute("aria-pressed", button.dataset.choice === correction?.label);
  }
  const isKept = correction?.state === "kept";
  find("consent").hidden = !correction || isKept;
  find("kept-note").hidden = !isKept;
  if (isKept) find("kept-note").textContent = say("kept.done");
  if (correction) find("consent-text").textContent = say(`consent.${engine.kind}`, { label: sayLabel(correction.label) });
}

// Correcting.

/** Choose the glyph to correct. */
function pick(index) {
  picked = index;
  correction = undefined;
  show();
  find("choices").firstElementChild.focus();
}

function correct(label) {
  if (!answer || isBlank(answer)) return;
  correction = { label, state: "asked" };
  show();
  find("keep").focus();
}

/** Keep the picture with what is said of it now, whatever happens until that is done. */
function keep() {
  const page = source.page();
  const isNumber = answer.kind === "number";
  const { frame, ink, kind, ...prediction } = isNumber ? answer.glyphs[picked] : answer;
  const part = isNumber ? around(prediction.box, page) : undefined;
  const values = {
    strokes: source.strokes ?? null, // of the whole page, also where the picture is a part of it
    prediction: { text: prediction.glyph ?? prediction.text, ...prediction },
    label: correction.label,
    model_sha256: isNumber ? engine.model.numberSha256 : engine.model.sha256,
  };
  void send(correction, values, () => toPng(page, part));
}

async function send(given, values, encode) {
  if (given.state !== "asked") return; // pressed twice
  given.state = "sent";
  try {
    await store.add({ ...values, picture: await encode() });
  } catch (error) {
    given.state = "asked";
    complain(error, () => send(given, values, encode));
    return;
  }
  given.state = "kept";
  hideNotice();
  show();
  announce(say("kept.done"));
  if (given === correction) find("canvas").focus();
  if (!find("view-kept").hidden) await showKept();
}

/** The part of a page that holds a box, with paper around it. */
function around([left, top, width, height], page) {
  const margin = MARGIN * height;
  const [x, y] = [Math.max(0, Math.floor(left - margin)), Math.max(0, Math.floor(top - margin))];
  return {
    left: x,
    top: y,
    width: Math.min(page.width, Math.ceil(left + width + margin)) - x,
    height: Math.min(page.height, Math.ceil(top + height + margin)) - y,
  };
}

// Pictures.

async function openPicture(file) {
  if (!file) return;
  opening = file;
  try {
    if (file.type && !file.type.startsWith("image/")) throw new PictureError("error.picture.none");
    const bitmap = await decodePicture(file);
    if (opening === file) showPicture(bitmap, file); // else another one was opened meanwhile
  } catch (error) {
    if (opening === file) complain(error);
  }
}

/** Read a picture, or a part of one; `file` is what the server is sent, else a PNG of the page. */
function showPicture(bitmap, file) {
  let page;
  const asPage = () => (page ??= toPage(bitmap));
  source = { of: bitmap, page: asPage, file: async () => file ?? toPng(asPage()) };
  picture = { bitmap };
  opening = undefined;
  answer = undefined;
  pad.show(bitmap);
  endCrop();
  changed();
}

function removePicture() {
  picture = opening = answer = undefined;
  endCrop();
  pad.show(null);
  pad.onChange(true);
  find("canvas").focus();
}

function beginCrop() {
  setCropping(true);
  crop.open(pad.place);
}

function endCrop() {
  setCropping(false);
  crop.close();
}

function setCropping(isCropping) {
  find("crop-begin").hidden = isCropping;
  find("picture-remove").hidden = isCropping;
  find("crop-done").hidden = !isCropping;
  find("crop-cancel").hidden = !isCropping;
  find("boxes").hidden = isCropping;
}

async function readPart() {
  const { bitmap } = picture;
  const { left, top, width, height } = crop.in(bitmap);
  const part = await createImageBitmap(bitmap, left, top, width, height, { premultiplyAlpha: "none" });
  if (picture?.bitmap !== bitmap) return; // exchanged meanwhile
  showPicture(part);
  find("canvas").focus();
}

// What went wrong.

let again; // what can be tried again while a notice is seen
let waiting; // for the server, which is busy

function complain(error, retry) {
  clearTimeout(waiting);
  again = retry;
  find("notice").hidden = false;
  find("notice-text").textContent = explain(error);
  find("token-form").hidden = error.key !== "error.token";
  find("retry").hidden = !retry || error.key === "error.token";
  if (error.key === "error.busy" && retry) waiting = setTimeout(retry, 1000 * error.values.wait);
}

function explain(error) {
  if (error instanceof PictureError && error.key === "error.picture.large") {
    const [[unit, [size, limit]]] = Object.entries(error.values);
    const written = (value) => say(unit, { count: sayNumber(value / (unit === "megabytes" ? 2 ** 20 : 1e6), 1) });
    return say(error.key, { size: written(size), limit: written(limit) });
  }
  if (error instanceof PictureError || error instanceof EngineError) return say(error.key, error.values);
  return say("error.store", { detail: error.message });
}

function hideNotice() {
  clearTimeout(waiting);
  again = undefined;
  find("notice").hidden = true;
}

// Views.

/** Show the view that the address names. It is there at once; what fills it may come later. */
async function openView() {
  const name = VIEWS.find((view) => location.hash === `#${view}`) ?? VIEWS[0];
  for (const view of VIEWS) find(`view-${view}`).hidden = view !== name;
  document.querySelector(".skip").hash = `view-${name}`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!engine) return;
  if (name === "kept") await showKept();
  await showInside();
}

/** What the network makes of the answer's frame, where that is being looked at. */
async function showInside() {
  if (find("view-learn").hidden) return;
  try {
    const { showLearn } = await import("./learn.js");
    await showLearn({ engine, answer, read: readTile });
  } catch (error) {
    complain(error, showInside);
  }
}

/** Read a picture of the gallery. */
function readTile(bitmap) {
  location.hash = "#read";
  showPicture(bitmap);
}

let listed; // the last list that was asked for: an earlier one that takes longer is not shown

async function showKept() {
  const mine = (listed = {});
  try {
    const corrections = await store.list();
    const items = await Promise.all(corrections.toReversed().map(asItem));
    if (mine === listed) fillKept(corrections, items);
  } catch (error) {
    if (mine === listed) complain(error, showKept);
  }
}

function fillKept(corrections, items) {
  const count = corrections.length === 1 ? say("kept.count.one") : say("kept.count", { count: sayNumber(corrections.length) });
  find("kept-lead").textContent = corrections.length ? say(`kept.lead.${engine.kind}`, { count }) : say("kept.none");
  find("export").disabled = find("remove-all").disabled = !corrections.length;
  find("kept").replaceChildren(...items);
}

async function asItem({ id, label, prediction, time }) {
  const [name, moment] = [sayLabel(label), sayTime(time)];
  const image = make("img", { alt: say("kept.picture", { label: name }) });
  image.onload = () => URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(await store.picture(id));
  const remove = make("button", { type: "button", text: say("remove.one"), "aria-label": say("remove.name", { label: name, time: moment }) });
  remove.addEventListener("click", async () => {
    await store.remove(id).then(() => afterRemoving(), complain);
  });
  const read = say("kept.read", { text: prediction?.text ?? say("none") });
  return make("li", { class: "card" }, [
    image,
    make("p", { text: say("kept.label", { label: name }), class: "label" }),
    make("p", { text: `${read}, ${moment}`, class: "soft" }),
    remove,
  ]);
}

async function afterRemoving() {
  await showKept();
  announce(say("remove.done"));
  find("view-kept").focus();
}

async function removeAll() {
  const count = find("kept").childElementCount;
  find("confirm-text").textContent = say("remove.ask", { count: count === 1 ? say("kept.count.one") : say("kept.count", { count }) });
  find("confirm").returnValue = "no";
  find("confirm").showModal();
}

async function download() {
  try {
    const link = make("a", { href: URL.createObjectURL(await store.export()), download: "corrections.zip" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    complain(error, download);
  }
}

// What a person does.

const on = (id, name, act) => find(id).addEventListener(name, act);

on("pen", "click", () => useTool("pen"));
on("eraser", "click", () => useTool("eraser"));
on("width", "input", (event) => (pad.width = Number(event.target.value)));
on("undo", "click", () => pad.undo());
on("redo", "click", () => pad.redo());
on("clear", "click", () => {
  pad.clear();
  find("canvas").focus();
});
for (const id of ["file", "photo"]) {
  on(id, "change", async (event) => {
    await openPicture(event.target.files[0]);
    event.target.value = "";
  });
}
on("crop-begin", "click", beginCrop);
on("crop-cancel", "click", endCrop);
on("crop-done", "click", readPart);
on("picture-remove", "click", removePicture);
on("keep", "click", keep);
on("forget", "click", () => {
  correction = undefined;
  show();
  find("choices").firstElementChild.focus();
});
on("export", "click", download);
on("remove-all", "click", removeAll);
on("confirm", "close", async () => {
  if (find("confirm").returnValue === "yes") await store.clear().then(afterRemoving, complain);
});
on("retry", "click", () => {
  const retry = again;
  hideNotice();
  void retry?.();
});
on("token-form", "submit", (event) => {
  event.preventDefault();
  useToken(find("token").value);
  const retry = again;
  hideNotice();
  void retry?.();
});
on("language", "change", async (event) => {
  localStorage.setItem("language", event.target.value);
  await speak(event.target.value);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  VIEWS.map((view) => find(`view-${view}`)).find((view) => !view.hidden).focus();
});

function useTool(tool) {
  pad.tool = tool;
  show();
}

document.addEventListener("keydown", (event) => {
  if (find("view-read").hidden || event.altKey || event.target.matches("input[type=password], select")) return;
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    if (picture || (key !== "z" && key !== "y")) return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) pad.redo();
    else pad.undo();
  } else if (event.target.closest("#stage, #answer")) { // single keys only where a digit is being looked at
    const label = event.key.toLowerCase() === "n" ? NONE : event.key;
    if (label === NONE || engine?.model.classes.includes(label)) correct(label);
    if (event.key === "Escape" && !find("crop").hidden) endCrop();
  }
});

document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])][0];
  if (!file) return;
  event.preventDefault();
  location.hash = "#read";
  void openPicture(file);
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
  if (!file) return;
  location.hash = "#read";
  void openPicture(file);
});
window.addEventListener("hashchange", () => {
  void openView();
  VIEWS.map((view) => find(`view-${view}`)).find((view) => !view.hidden).focus({ preventScroll: true });
  scrollTo(0, 0);
});

async function speak(language) {
  setLanguage(language);
  find("language").value = language;
  show();
  await openView();
}

async function start() {
  try {
    engine = await startEngine();
  } catch (error) {
    complain(error, start);
    return;
  }
  store = openStore(engine.kind);
  if (again === start) hideNotice();
  readAgain();
  await openView();
  if (engine.kind === "browser") await Promise.all([prepare(), keepOffline()]);
}

/** Once a digit can be read, make ready for numbers, and read again what was not known to be one. */
async function prepare() {
  try {
    await engine.prepare();
  } catch (error) {
    complain(error, prepare);
    return;
  }
  readAgain();
}

/** Once the page is there to be used, keep its files for when there is no connection. */
async function keepOffline() {
  if (!navigator.serviceWorker) return; // only where the connection is secure, or to this machine
  await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  isOffline = true;
  show();
}

await speak(preferredLanguage());
await start();

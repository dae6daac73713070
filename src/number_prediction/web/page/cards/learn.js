// The view "Inside": the layers of the network for the current drawing, the nearest training digits, and hard cases.
// It is loaded when it is opened. The build of the offline app writes its files:
//
// learn.json: { network: { file, sha256, layers: [names] },
//   near: { sprite, embeddings, columns, size, scale: [size], labels: [N], indices: [N] },
//   hard: { sprite, columns, cases: [{ label, text or null, confidence }] } }
// Sprites are tiles of 28x28, ink 255; embeddings are N x size uint8, to be multiplied by scale.

import { make } from "../dom.js";
import { EngineError } from "../reader/engine.js";
import { drawInk } from "../reader/picture.js";
import { say, sayNumber, sayShare } from "../strings.js";

const TILE_SIDE_PX = 28;
const NEAREST_COUNT = 12;
/** Shortest side of a map, so that its pixels can be told apart. */
const MIN_MAP_SIDE_PX = 14;
/** How to start the page that can show this view. */
const COMMANDS = "make offline-app\nnumber-prediction serve --page build/offline";

let learn;
let asked; // the last request to show an answer; an earlier one that takes longer is dropped
let hard; // the section of hard cases; it is kept, as it may have the focus

/** Fill the view with `answer`; `read(bitmap)` reads a picture of the gallery. Throws EngineError. */
export async function showLearn({ engine, answer, read }) {
  const view = document.getElementById("learn");
  if (!engine.config?.learn) {
    const commands = make("pre", {}, [make("code", { text: COMMANDS })]);
    view.replaceChildren(make("div", { class: "card note" }, [make("p", { text: say("learn.absent") }), commands]));
    return;
  }
  const mine = (asked = {});
  const loading = note("learn.loading");
  if (!view.hasChildNodes()) view.append(loading);
  view.setAttribute("aria-busy", "true");
  try {
    learn ??= await load(engine.config.learn);
    const isDrawn = answer?.kind === "digit" && answer.frame.data.some((value) => value > 0);
    const frame = isDrawn ? answer.frame : frameOf(learn.hard.tiles, learn.hard.columns, 0);
    const layers = await engine.layers(frame, learn);
    if (mine !== asked) return;
    const shares = layers.pop().data;
    if (hard?.lang !== document.documentElement.lang) {
      hard = section("learn.hard", say("learn.hard.text"), gallery(read));
      hard.lang = document.documentElement.lang;
    }
    while (view.firstChild && view.firstChild !== hard) view.firstChild.remove();
    view.append(...(hard.isConnected ? [] : [hard]));
    hard.before(
      ...(isDrawn ? [] : [note(answer?.kind === "number" ? "learn.number" : "learn.nothing")]),
      section("learn.steps", null, steps(frame, layers, shares, engine.model.classes)),
      section("learn.near", say("learn.near.text", { count: sayNumber(learn.near.labels.length) }), nearest(layers.at(-1))),
    );
  } finally {
    loading.remove();
    if (mine === asked) view.removeAttribute("aria-busy");
  }
}

function note(key) {
  return make("p", { text: say(key), class: "card note" });
}

async function load(address) {
  try {
    return await loadFiles(address);
  } catch (error) {
    throw new EngineError("error.learn", { detail: error.message });
  }
}

async function loadFiles(address) {
  const base = new URL(address, location);
  const found = await (await fetch(base)).json();
  const at = (file) => new URL(file, base);
  const sprite = async (file) => {
    const blob = await (await fetch(at(file))).blob();
    return createImageBitmap(blob, { colorSpaceConversion: "none" });
  };
  found.network.file = at(found.network.file).href;
  [found.near.tiles, found.hard.tiles, found.near.values] = await Promise.all([
    sprite(found.near.sprite),
    sprite(found.hard.sprite),
    fetch(at(found.near.embeddings)).then(async (response) => new Uint8Array(await response.arrayBuffer())),
  ]);
  return found;
}

function section(key, text, content) {
  const lead = text ? [make("p", { text, class: "soft" })] : [];
  return make("section", {}, [make("h2", { text: say(key) }), ...lead, content]);
}

/** Values of one tile of a sprite, { width, height, data } in [0, 1]. */
function frameOf(tiles, columns, index) {
  const context = new OffscreenCanvas(TILE_SIDE_PX, TILE_SIDE_PX).getContext("2d", { willReadFrequently: true });
  context.drawImage(tiles, (index % columns) * TILE_SIDE_PX, Math.floor(index / columns) * TILE_SIDE_PX, TILE_SIDE_PX, TILE_SIDE_PX, 0, 0, TILE_SIDE_PX, TILE_SIDE_PX);
  const rgba = context.getImageData(0, 0, TILE_SIDE_PX, TILE_SIDE_PX).data;
  const data = Float32Array.from({ length: TILE_SIDE_PX * TILE_SIDE_PX }, (_, pixel) => rgba[4 * pixel] / 255);
  return { width: TILE_SIDE_PX, height: TILE_SIDE_PX, data };
}

function tile(tiles, columns, index, label) {
  const canvas = make("canvas", label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" });
  drawInk(canvas, frameOf(tiles, columns, index));
  return canvas;
}

function steps(frame, layers, shares, classes) {
  const canvas = make("canvas", { role: "img", "aria-label": say("learn.frame"), class: "frame" });
  drawInk(canvas, frame);
  return make("ol", { class: "layers" }, [
    step(say("learn.frame"), say("learn.frame.text"), canvas),
    ...layers.map(({ dims, data }, index) => {
      const number = index + 1;
      const isFlat = dims.length < 4 || dims[2] * dims[3] === 1;
      const [, count, height, width] = dims;
      const title = isFlat
        ? say("learn.layer.flat", { number, count: data.length })
        : say("learn.layer", { number, count, height, width });
      const size = isFlat ? { count: data.length, height: 1, width: 1 } : { count, height, width };
      return step(title, say(isFlat ? "learn.layer.flat.text" : "learn.layer.text"), mosaic(data, size, title));
    }),
    step(say("learn.answer"), say("learn.answer.text"), bars(shares, classes)),
  ]);
}

function step(title, text, content) {
  return make("li", { class: "card" }, [make("h3", { text: title }), make("p", { text, class: "soft" }), content]);
}

/** Draw the maps of a layer in full rows. Brightness is relative to the strongest value of the layer. */
function mosaic(data, { count, height, width }, title) {
  let columns = Math.floor(Math.sqrt(2 * count));
  while (count % columns) columns--;
  const zoom = height === 1 ? 1 : Math.ceil(MIN_MAP_SIDE_PX / height);
  const gap = height === 1 ? 0 : 1;
  const [across, down] = [width * zoom, height * zoom];
  const canvas = make("canvas", { role: "img", "aria-label": title, class: "maps" });
  canvas.width = columns * (across + gap) - gap;
  canvas.height = (count / columns) * (down + gap) - gap;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  let most = 1e-6;
  for (const value of data) most = Math.max(most, Math.abs(value));
  for (let map = 0; map < count; map++) {
    const [left, top] = [(map % columns) * (across + gap), Math.floor(map / columns) * (down + gap)];
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++) {
        const value = data[(map * height + Math.floor(y / zoom)) * width + Math.floor(x / zoom)] / most;
        const colour = value < 0 ? glow(-value, [240, 140, 60]) : glow(value, [125, 190, 255]);
        image.data.set(colour, 4 * ((top + y) * canvas.width + left + x));
      }
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A colour between dark, `colour` and white, for a value from 0 to 1. */
function glow(value, colour) {
  const strength = Math.sqrt(value);
  const night = [16, 22, 30];
  const mixed = night.map((low, channel) =>
    strength < 0.7 ? low + ((colour[channel] - low) * strength) / 0.7 : colour[channel] + ((255 - colour[channel]) * (strength - 0.7)) / 0.3,
  );
  return [...mixed, 255];
}

function bars(shares, classes) {
  const best = Math.max(...shares);
  return make("ul", { class: "bars" }, classes.map((name, index) => {
    const fill = make("span", { class: "fill" });
    fill.style.transform = `scaleX(${shares[index]})`;
    return make("li", shares[index] === best ? { class: "winner" } : {}, [
      make("span", { text: name, class: "name" }),
      make("span", { class: "track", "aria-hidden": "true" }, [fill]),
      make("span", { text: sayShare(shares[index]), class: "figure" }),
    ]);
  }));
}

/** The training digits whose last layer has the smallest angle to this one. */
function nearest({ data }) {
  const { values, size, scale, labels, indices, tiles, columns } = learn.near;
  const own = Math.hypot(...data);
  const ranked = labels
    .map((label, item) => {
      let [product, length] = [0, 0];
      for (let at = 0; at < size; at++) {
        const value = values[item * size + at] * scale[at];
        product += value * data[at];
        length += value * value;
      }
      return { item, label, likeness: product / (own * Math.sqrt(length) || 1) };
    })
    .sort((one, two) => two.likeness - one.likeness)
    .slice(0, NEAREST_COUNT);
  return make("ol", { class: "tiles-list" }, ranked.map(({ item, label, likeness }) =>
    make("li", { class: "card" }, [
      tile(tiles, columns, item, say("learn.near.one", { index: indices[item], label })),
      make("span", { text: label, class: "label" }),
      make("span", { text: sayShare(likeness), class: "soft" }),
    ]),
  ));
}

function gallery(read) {
  const { tiles, columns, cases } = learn.hard;
  return make("ul", { class: "tiles-list" }, cases.map(({ label, text, confidence }, index) => {
    const short = say("learn.hard.short", { label, text: text ?? "–" });
    const words = text === null ? say("learn.hard.none", { label }) : say("learn.hard.one", { label, text, share: sayShare(confidence) });
    const button = make("button", { type: "button", "aria-label": words, class: "card" }, [
      tile(tiles, columns, index),
      make("span", { text: short, class: "soft" }),
    ]);
    button.addEventListener("click", async () => read(await createImageBitmap(button.querySelector("canvas"))));
    return make("li", {}, [button]);
  }));
}

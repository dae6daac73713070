// The worker of the browser engine: runs the ONNX models outside the main thread.
// In: { id, task: "start", config }, { id, task: "prepare" }, { id, task: "read", page },
//   { id, task: "layers", frame, learn }.
// Out: { id, result } or { id, error: { key, values } }; see engine.js for what an answer holds.

import * as ort from "../engine/ort.wasm.min.mjs";
import { boxOf } from "./ink.js";
import { decode, isNumber, locate } from "./lattice.js";

/** Where the page lies; addresses of files are relative to it. */
const PAGE = new URL("..", self.location);
const WARM_UP = { width: 480, height: 240, runs: 6 };

let config;
let digit;
let number;
let network;

self.onmessage = async ({ data: { id, task, ...values } }) => {
  try {
    self.postMessage({ id, result: await TASKS[task](values) });
  } catch (error) {
    const words = { key: error.key ?? "error.engine", values: { detail: error.message } };
    self.postMessage({ id, error: words });
  }
};

const TASKS = { start, prepare, read, layers };

async function start(values) {
  config = values.config;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs: new URL(config.runtime.module, PAGE).href };
  const [binary, model] = await Promise.all([fetchPacked(config.runtime.wasm), fetchModel(config.models.digit)]);
  ort.env.wasm.wasmBinary = binary;
  digit = await createSession(model);
}

/** Load the model for numbers, which may wait until digits can be read. */
async function prepare() {
  await warmUp();
  if (!config.models.number) return;
  number = await createSession(await fetchModel(config.models.number));
  await warmUp();
}

/** Run the models a few times, so that the browser compiles them before the first stroke. */
async function warmUp() {
  const { width, height, runs } = WARM_UP;
  const grey = new Uint8Array(width * height).fill(255);
  for (let y = 40; y < 200; y++) grey.fill(0, y * width + 230, y * width + 248);
  for (let run = 0; run < runs; run++) await read({ page: { width, height, grey } });
}

async function fetchBytes(address) {
  const response = await fetch(new URL(address, PAGE));
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response;
}

/** Fetch and unpack a file that the build compressed with gzip. */
async function fetchPacked(address) {
  const { body } = await fetchBytes(address);
  return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function fetchModel({ file, sha256 }) {
  const content = await (await fetchBytes(file)).arrayBuffer();
  if (self.crypto.subtle) { // exists only on secure connections and on localhost
    const digest = new Uint8Array(await self.crypto.subtle.digest("SHA-256", content));
    const found = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== sha256) throw Object.assign(new Error(file), { key: "error.altered" });
  }
  return content;
}

function createSession(content) {
  return ort.InferenceSession.create(new Uint8Array(content), { executionProviders: ["wasm"], logSeverityLevel: 3 });
}

async function run(session, name, tensor) {
  const outputs = await session.run({ [name]: tensor });
  const values = Object.fromEntries(session.outputNames.map((each) => [each, copy(outputs[each])]));
  for (const each of Object.values(outputs)) each.dispose();
  return values;
}

function copy({ dims, data }) {
  return { dims, data: data.slice() };
}

async function read({ page }) {
  const begun = performance.now();
  const tensor = new ort.Tensor("uint8", page.grey, [1, page.height, page.width]);
  const found = number && (await readNumber(tensor));
  const answer = found && isNumber(found) ? found : await readDigit(tensor, page);
  return { ...answer, milliseconds: performance.now() - begun };
}

async function readNumber(tensor) {
  const { frame, probabilities, place, is_number: fit } = await run(number, "page", tensor);
  const { glyphs } = config.models.number;
  const reading = decode(probabilities.data, glyphs);
  const grid = asGrid(frame);
  const located = locate(reading, grid, probabilities.data.length / glyphs.length, place.data);
  return { kind: "number", text: reading.text, confidence: reading.confidence, fit: fit.data[0], glyphs: located };
}

async function readDigit(tensor, page) {
  const { frame, probabilities, is_digit: isDigit, ink, findings } = await run(digit, "page", tensor);
  const { classes, is_digit_threshold: threshold, measures } = config.models.digit;
  const shares = [...probabilities.data];
  const best = shares.indexOf(Math.max(...shares));
  const abstains = !(isDigit.data[0] >= threshold);
  return {
    kind: "digit",
    text: abstains ? null : classes[best],
    confidence: abstains ? 0 : shares[best],
    isDigit: isDigit.data[0],
    probabilities: shares,
    warnings: findings ? findWarnings(Object.fromEntries(measures.map((name, at) => [name, findings.data[at]]))) : [],
    frame: asGrid(frame),
    ink: ink ? asGrid(ink) : null,
    box: ink ? boxOf(asGrid(ink), page) : null,
  };
}

/** The warnings for the measures, by the rules of digits/warnings.py; a blank picture has only one. */
function findWarnings(measured) {
  const applies = ({ measure, is_above: isAbove, threshold }) =>
    isAbove ? measured[measure] > threshold : measured[measure] < threshold;
  const found = config.warnings.filter(applies).map(({ code, text }) => ({ code, text }));
  return found[0]?.code === "blank" ? found.slice(0, 1) : found;
}

/** A tensor whose last two dimensions are rows and columns -> grid. */
function asGrid({ dims, data }) {
  return { width: dims.at(-1), height: dims.at(-2), data };
}

/** Compute each layer for a frame: [{ dims, data }], the probabilities last. */
async function layers({ frame, learn }) {
  network ??= await createSession(await fetchModel(learn.network));
  const values = await run(network, "frame", new ort.Tensor("float32", frame.data, [1, frame.height, frame.width]));
  return [...learn.network.layers, "probabilities"].map((name) => values[name]);
}

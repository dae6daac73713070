// Two engines with the same method: read(source) -> answer. The browser engine runs the models in a worker; the server
// engine calls the REST API. config.json, next to this file, names the engine of this copy of the page.
//
// source: { page(): { width, height, grey }, file(): Promise<Blob>,
//   written(): the page trimmed to the strokes, { left, top, width, height, grey }; only for drawings }
// answer: { kind: "digit" or "number", milliseconds, and
//   of a digit: text (null for an abstention), confidence, isDigit, probabilities, warnings: [{ code, text }],
//     frame and ink: { width, height, data } or null, box: [left, top, width, height] or null;
//   of a number: text, confidence, fit (probability that there is a number), glyphs: [{ glyph, confidence, alternatives: [[glyph, share]], box }] }

import { boxOf } from "./ink.js";
import { isNumber } from "./lattice.js";

/** An engine that cannot answer; `key` and `values` select the message. */
export class EngineError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** Start the engine that the configuration at `address` names. Throws EngineError. */
export async function startEngine(address = "config.json") {
  const config = await fetchJson(address);
  return config.engine === "browser" ? BrowserEngine.start(config) : ServerEngine.start();
}

async function fetchJson(address) {
  const response = await reach(address, {});
  if (!response.ok) throw new EngineError("error.server", { detail: response.status });
  return response.json();
}

async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new EngineError("error.down");
  }
}

/** Runs the models in a worker. It reads single digits at first, and numbers after `prepare`. */
class BrowserEngine {
  kind = "browser";
  readsNumbers = false;

  static async start(config) {
    const engine = new BrowserEngine();
    engine.config = config;
    engine.waiting = new Map();
    engine.count = 0;
    engine.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    engine.worker.onmessage = ({ data }) => engine.#receive(data);
    engine.worker.onerror = (event) => engine.#fail(event.message ?? "");
    await engine.#ask("start", { config });
    const { digit, number } = config.models;
    engine.model = {
      sha256: digit.sha256,
      classes: digit.classes,
      threshold: digit.is_digit_threshold,
      version: config.version,
      hasNumber: Boolean(number),
      numberSha256: number?.sha256,
    };
    return engine;
  }

  /** Load the model for numbers. Throws EngineError. */
  async prepare() {
    await this.#ask("prepare");
    this.readsNumbers = this.model.hasNumber;
  }

  /** Read a source. */
  async read(source) {
    const page = source.written?.() ?? source.page();
    return moved(await this.#ask("read", { page }), page);
  }

  /** Stop the worker; open requests are rejected. */
  close() {
    this.worker.terminate();
    this.#fail("the reader is closed");
  }

  /** Compute each layer of the network for a frame: [{ dims, data }]. */
  layers(frame, learn) {
    return this.#ask("layers", { frame, learn });
  }

  #ask(task, values) {
    return new Promise((resolve, reject) => {
      const id = this.count++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, ...values });
    });
  }

  #receive({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new EngineError(error.key, error.values));
    else resolve(result);
  }

  /** The worker has failed: reject all open requests. */
  #fail(detail) {
    for (const { reject } of this.waiting.values()) reject(new EngineError("error.engine", { detail }));
    this.waiting.clear();
  }
}

/** Convert the boxes of an answer from a part of the page to the whole page. */
function moved(answer, { left = 0, top = 0 }) {
  const move = (found) => found.box && { ...found, box: [found.box[0] + left, found.box[1] + top, ...found.box.slice(2)] };
  if (answer.kind === "number") return { ...answer, glyphs: answer.glyphs.map(move) };
  return move(answer) || answer;
}

const TOKEN = "token";

/** Call the REST API with the token, if there is one. Throws EngineError. */
export async function callServer(address, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const response = await reach(`api/${address}`, { ...options, headers });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ?? problem.title ?? response.status;
  if (response.status === 401) throw new EngineError("error.token");
  if (response.status === 503 || response.status === 429) {
    throw new EngineError("error.busy", { wait: Number(response.headers.get("Retry-After")) || 1 });
  }
  throw new EngineError(response.status < 500 ? "error.refused" : "error.server", { detail });
}

/** Use a token until the tab is closed. */
export function useToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** Calls the server that sent the page. */
class ServerEngine {
  kind = "server";

  static async start() {
    const engine = new ServerEngine();
    const model = await (await callServer("model")).json();
    engine.model = {
      sha256: model.sha256,
      classes: model.classes,
      threshold: model.is_digit_threshold,
      version: model.version,
      hasNumber: Boolean(model.models?.number),
      numberSha256: model.models?.number,
    };
    engine.readsNumbers = engine.model.hasNumber;
    return engine;
  }

  /** Read a source as a number if the server can; otherwise as a single digit. */
  async read(source) {
    const begun = performance.now();
    const body = await source.file();
    if (this.readsNumbers) {
      const [number] = await this.#post("number", body);
      if (isNumber(number)) return { kind: "number", ...number, milliseconds: performance.now() - begun };
    }
    const [digit] = await this.#post("digits?explain=true", body);
    const ink = asGrid(digit.ink);
    return {
      kind: "digit",
      text: digit.label === null ? null : this.model.classes[digit.label],
      confidence: digit.label === null ? 0 : Math.max(...digit.probabilities),
      isDigit: digit.is_digit,
      probabilities: digit.probabilities,
      warnings: digit.warnings,
      frame: asGrid(digit.frame),
      ink,
      box: ink && boxOf(ink, source.page()),
      milliseconds: performance.now() - begun,
    };
  }

  async #post(address, body) {
    const headers = { "Content-Type": body.type || "application/octet-stream" };
    const response = await callServer(address, { method: "POST", headers, body });
    return (await response.json()).predictions;
  }
}

/** Rows of values -> { width, height, data }; null without rows. */
function asGrid(rows) {
  if (!rows?.length) return null;
  return { width: rows[0].length, height: rows.length, data: Float32Array.from(rows.flat()) };
}

// The store of corrections: on the server, or in IndexedDB in this browser, with the same methods.
//
// A correction: { id, label: "0" to "9" or "none", prediction, model_sha256, time (ISO 8601) }.
// add({ picture: Blob, strokes, prediction, label, model_sha256 }), list(), picture(id) -> Blob, remove(id),
// clear(), export() -> Blob, a ZIP with one folder per label and corrections.jsonl, the same from either store.

import { callServer } from "./engine.js";
import { zip } from "./zip.js";

/** The store that belongs to a kind of engine. */
export function openStore(kind) {
  return kind === "server" ? new ServerStore() : new BrowserStore();
}

/** Corrections per request. */
const MAX_LISTED = 500;

class ServerStore {
  async add({ picture, ...correction }) {
    const body = JSON.stringify({ ...correction, picture: await toBase64(picture), kept_with_consent: true });
    const headers = { "Content-Type": "application/json" };
    await callServer("corrections", { method: "POST", headers, body });
  }

  async list() {
    const corrections = [];
    for (let after = 0; after !== null; ) {
      const part = await (await callServer(`corrections?after=${after}&limit=${MAX_LISTED}`)).json();
      corrections.push(...part.corrections);
      after = part.next;
    }
    return corrections;
  }

  async picture(id) {
    return (await callServer(`corrections/${id}/picture`)).blob();
  }

  async remove(id) {
    await callServer(`corrections/${id}`, { method: "DELETE" });
  }

  async clear() {
    await callServer("corrections", { method: "DELETE" });
  }

  async export() {
    return (await callServer("corrections/export")).blob();
  }
}

async function toBase64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const DATABASE = "number_prediction";
const STORE = "corrections";

class BrowserStore {
  async add(correction) {
    const picture = await correction.picture.arrayBuffer();
    await this.#run("readwrite", (store) => store.add({ ...correction, picture, time: new Date().toISOString() }));
  }

  async list() {
    const everything = await this.#run("readonly", (store) => store.getAll());
    return everything.map(({ picture, strokes, ...correction }) => correction);
  }

  async picture(id) {
    const { picture } = await this.#run("readonly", (store) => store.get(id));
    return new Blob([picture], { type: "image/png" });
  }

  async remove(id) {
    await this.#run("readwrite", (store) => store.delete(id));
  }

  async clear() {
    await this.#run("readwrite", (store) => store.clear());
  }

  async export() {
    const everything = await this.#run("readonly", (store) => store.getAll());
    const named = everything.map((each) => ({ file: `${each.label}/${String(each.id).padStart(6, "0")}.png`, ...each }));
    const files = named.map(({ file, picture, time }) => ({ name: file, bytes: new Uint8Array(picture), time: new Date(time) }));
    const lines = named.map(({ picture, ...correction }) => `${JSON.stringify(correction)}\n`);
    const bytes = new TextEncoder().encode(lines.join(""));
    return zip([...files, { name: "corrections.jsonl", bytes, time: new Date() }]);
  }

  async #run(mode, act) {
    this.database ??= settle(this.#open());
    const database = await this.database;
    const transaction = database.transaction(STORE, mode);
    const result = settle(act(transaction.objectStore(STORE)));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    return result;
  }

  #open() {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    return request;
  }
}

function settle(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

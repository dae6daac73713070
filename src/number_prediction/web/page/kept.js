// Corrections that a person asked to keep: on the server, or in this browser's IndexedDB, with one face.
//
// A correction: { id, label: "0" to "9" or "none", prediction, model_sha256, time (ISO 8601) }.
// add({ picture: Blob, strokes, prediction, label, model_sha256 }), list(), picture(id) -> Blob, remove(id),
// clear(), export() -> Blob, a ZIP of one folder a label.

import { callServer } from "./engine.js";
import { zip } from "./zip.js";

/** The store of an engine's kind. */
export function openStore(kind) {
  return kind === "server" ? new ServerStore() : new BrowserStore();
}

class ServerStore {
  async add({ picture, ...correction }) {
    const body = JSON.stringify({ ...correction, picture: await toBase64(picture), kept_with_consent: true });
    const headers = { "Content-Type": "application/json" };
    await callServer("corrections", { method: "POST", headers, body });
  }

  async list() {
    const answer = await (await callServer("corrections")).json();
    return Array.isArray(answer) ? answer : answer.corrections;
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
    const files = everything.map(({ id, label, picture, time }) => ({
      name: `${label}/${id}.png`,
      bytes: new Uint8Array(picture),
      time: new Date(time),
    }));
    const table = everything.map(({ picture, ...correction }) => correction);
    const bytes = new TextEncoder().encode(`${JSON.stringify(table, null, 2)}\n`);
    return zip([...files, { name: "corrections.json", bytes, time: new Date() }]);
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

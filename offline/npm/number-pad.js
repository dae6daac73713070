// <number-pad>: a place to draw that reads while one draws.
//
// Attribute aria-label: name of the drawing area. Slot "clear": text of the button.
// Properties: answer, value (the text read, "" for none). Method: clear(). Events: read, error.

import { Pad } from "./cards/pad.js";
import { load } from "./reader.js";
import { Reading } from "./reader/reading.js";

const MARKUP = `
<style>
  :host { display: inline-block; width: 30rem; max-width: 100%; font: inherit; --pad-ink: #14202e; --pad-paper: #fff; }
  @media (prefers-color-scheme: dark) { :host { --pad-ink: #f1f5f9; --pad-paper: #0b0f14; } }
  :host([hidden]) { display: none; }
  canvas { display: block; width: 100%; aspect-ratio: 2; touch-action: none; cursor: crosshair;
    background: var(--pad-paper); border: 1px solid #8896a6; border-radius: .5rem; box-sizing: border-box; }
  div { display: flex; gap: 1rem; align-items: center; justify-content: space-between; margin-top: .4rem; }
  output { font-size: 1.5em; font-weight: 600; min-height: 1.5em; }
  button { font: inherit; min-height: 2.75rem; padding: 0 1rem; }
</style>
<canvas part="canvas" role="img"></canvas>
<div><output part="answer" aria-live="polite"></output>
<button part="clear" type="button"><slot name="clear">Clear</slot></button></div>`;

/** Shared by all pads of a document; loaded when the first one appears. */
let loading;

export class NumberPad extends HTMLElement {
  #pad;
  #reader;
  #reading;
  #source;
  #answer = null;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).innerHTML = MARKUP;
    this.#reading = new Reading({
      engine: () => this.#reader && { read: (source) => this.#reader.readSource(source) },
      isDrawing: () => this.#pad.isDrawing,
      onChange: () => {},
      onAnswer: (answer) => this.#take(answer),
      onSettled: () => {},
      onError: (error) => this.#fail(error),
    });
    this.#pad = new Pad(this.#find("canvas"), () => this.#read());
    this.#find("button").addEventListener("click", () => this.clear());
  }

  async connectedCallback() {
    this.#find("canvas").setAttribute("aria-label", this.getAttribute("aria-label") ?? "Drawing area");
    this.#pad.redraw();
    try {
      this.#reader = await (loading ??= load());
    } catch (error) {
      loading = undefined; // a pad that appears later tries again
      this.#fail(error);
      return;
    }
    this.#reading.read(this.#source);
  }

  /** The last answer; null for an empty pad. */
  get answer() {
    return this.#answer;
  }

  /** The text that was read; "" for an empty pad, and for what is no digit. */
  get value() {
    return this.#answer?.text ?? "";
  }

  /** Remove the drawing. */
  clear() {
    this.#pad.clear();
  }

  #find(name) {
    return this.shadowRoot.querySelector(name);
  }

  #read() {
    this.#source = this.#pad.isEmpty ? undefined : this.#pad.toSource();
    if (!this.#source) this.#show(null);
    this.#reading.read(this.#source);
  }

  #take(answer) {
    if (this.#source) this.#show(answer);
  }

  #show(answer) {
    this.#answer = answer;
    this.#find("output").value = answer ? (answer.text ?? "?") : "";
    this.dispatchEvent(new CustomEvent("read", { detail: answer, bubbles: true, composed: true }));
  }

  #fail(error) {
    this.#find("output").value = error.message;
    this.dispatchEvent(new CustomEvent("error", { detail: error }));
  }
}

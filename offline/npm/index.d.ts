/** Left, top, width and height in pixels of the picture. */
export type Box = [number, number, number, number];

/** Rows of values in [0, 1], ink = 1. */
export interface Grid {
  width: number;
  height: number;
  data: Float32Array;
}

export interface Warning {
  code: string;
  text: string;
}

/** The picture was read as one digit. */
export interface DigitAnswer {
  kind: "digit";
  /** "0" to "9"; null if the picture shows no digit. */
  text: string | null;
  /** Probability of `text`, 0 to 1; 0 if `text` is null. */
  confidence: number;
  /** Probability that the picture shows a digit at all. */
  isDigit: number;
  /** Probability of each digit, "0" first; they sum to 1. */
  probabilities: number[];
  warnings: Warning[];
  /** What the network saw, 28 x 28. */
  frame: Grid;
  /** The ink that was found on the page. */
  ink: Grid | null;
  /** Where the digit is; null without ink. */
  box: Box | null;
  milliseconds: number;
}

export interface Glyph {
  /** "0" to "9", or a sign such as "," or "-". */
  glyph: string;
  confidence: number;
  /** Other glyphs and their probabilities, the most probable first; "" for none. */
  alternatives: [glyph: string, probability: number][];
  box: Box;
}

/** The picture was read as a number of several glyphs. */
export interface NumberAnswer {
  kind: "number";
  text: string;
  /** Probability of `text`, 0 to 1. */
  confidence: number;
  /** Probability that the picture shows a number at all. */
  fit: number;
  glyphs: Glyph[];
  milliseconds: number;
}

export type Answer = DigitAnswer | NumberAnswer;

/** Anything that a browser can draw, or an encoded picture (PNG, JPEG, WebP, GIF, BMP). */
export type Picture =
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLImageElement
  | HTMLVideoElement
  | ImageBitmap
  | ImageData
  | Blob;

export class ReaderError extends Error {
  /** "down", "server", "altered", "engine", "picture" or "picture.large". */
  readonly code: string;
}

/** Made by `load`. */
export class Reader {
  private constructor();
  /** Read one digit or one number. Throws ReaderError, or a DOMException for a picture of another origin. */
  read(picture: Picture): Promise<Answer>;
  /** Free the models. */
  close(): void;
}

/** Load the models and start the reader. With `numbers: false`, only the model for single digits is loaded. */
export function load(options?: { numbers?: boolean }): Promise<Reader>;

/** The element <number-pad>. It dispatches `read`, a CustomEvent<Answer | null>, and `error`. */
export class NumberPad extends HTMLElement {
  readonly answer: Answer | null;
  /** The text that was read; "" for an empty pad, and for what is no digit. */
  readonly value: string;
  clear(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "number-pad": NumberPad;
  }
}

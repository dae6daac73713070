// The pad: pointer events -> strokes -> the visible canvas, and the page that the model reads. Both are drawn from the
// same segments, so undoing restores exactly the earlier pixels.

/** Size of the page of a drawing, in pixels; strokes use its coordinates. */
export const PAD = { width: 480, height: 240 };
/** Paper kept around the strokes when the page is trimmed. */
const PAPER_PX = 16;
/** Side of MNIST's pictures; pictures up to twice this size are shown without smoothing. */
const MNIST_SIDE_PX = 28;

/** A place to draw. `onChange(isFinished)` is called with every change; isFinished means that the pen is up. */
export class Pad {
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.tool = "pen";
    this.width = 18;
    this.strokes = [];
    this.past = [];
    this.future = [];
    this.picture = null;
    this.seen = canvas.getContext("2d");
    const page = new OffscreenCanvas(PAD.width, PAD.height);
    this.page = page.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#end(event));
    canvas.addEventListener("pointercancel", (event) => this.#cancel(event));
    new ResizeObserver(() => this.redraw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.redraw();
  }

  get isEmpty() {
    return !this.strokes.some((stroke) => stroke.tool === "pen");
  }

  get isDrawing() {
    return this.stroke !== undefined;
  }

  /** Show a picture instead of the drawing, which stays as it is; null shows the drawing again. */
  show(picture) {
    this.picture = picture;
    this.redraw();
  }

  /** Where the page lies on the canvas: left, top, width, height as shares of the canvas. */
  get place() {
    const { width, height } = this.picture ?? PAD;
    const scale = Math.min(PAD.width / width, PAD.height / height);
    const [across, down] = [(width * scale) / PAD.width, (height * scale) / PAD.height];
    return { left: (1 - across) / 2, top: (1 - down) / 2, width: across, height: down };
  }

  /** The page, dark on white, or a part of it: { left, top, width, height, grey }. */
  toPage({ left, top, width, height } = { left: 0, top: 0, ...PAD }) {
    const rgba = this.page.getImageData(left, top, width, height).data;
    const grey = new Uint8Array(width * height);
    for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = rgba[pixel * 4];
    return { left, top, width, height, grey };
  }

  /** The page trimmed to the strokes and some paper; it is read faster, as most of the page is empty. */
  toWritten() {
    const written = this.strokes.filter(({ tool }) => tool === "pen");
    const reach = PAPER_PX + Math.max(...written.map(({ width }) => width / 2));
    const [xs, ys] = [0, 1].map((axis) => written.flatMap(({ points }) => points.map((point) => point[axis])));
    const [left, top] = [xs, ys].map((values) => Math.max(0, Math.floor(Math.min(...values) - reach)));
    const right = Math.min(PAD.width, Math.ceil(Math.max(...xs) + reach));
    const bottom = Math.min(PAD.height, Math.ceil(Math.max(...ys) + reach));
    return this.toPage({ left, top, width: right - left, height: bottom - top });
  }

  /** What an engine reads of the drawing. */
  toSource() {
    return { page: () => this.toPage(), written: () => this.toWritten() };
  }

  /** Strokes as plain values: tool, width, and points of x, y (pixels of the page) and milliseconds. */
  toStrokes() {
    return this.strokes.map(({ tool, width, points }) => ({ tool, width, points }));
  }

  undo() {
    if (this.past.length && !this.isDrawing) this.#change(this.past.pop(), this.future);
  }

  redo() {
    if (this.future.length && !this.isDrawing) this.#change(this.future.pop(), this.past);
  }

  clear() {
    if (!this.strokes.length || this.isDrawing) return;
    this.future = [];
    this.#change([], this.past);
  }

  #change(strokes, other) {
    other.push(this.strokes);
    this.strokes = strokes;
    this.redraw();
    this.onChange(true);
  }

  /** Draw all strokes again, after a change of size, colours or strokes. */
  redraw() {
    const ratio = (this.canvas.clientWidth * devicePixelRatio || PAD.width) / PAD.width;
    this.canvas.width = Math.round(PAD.width * ratio);
    this.canvas.height = Math.round(PAD.height * ratio);
    const style = getComputedStyle(this.canvas);
    this.colours = { pen: style.getPropertyValue("--pad-ink"), eraser: style.getPropertyValue("--pad-paper") };
    this.seen.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const [context, paper] of [[this.seen, this.colours.eraser], [this.page, "#fff"]]) {
      context.fillStyle = paper;
      context.fillRect(0, 0, PAD.width, PAD.height);
    }
    if (this.picture) {
      const { left, top, width, height } = this.place;
      const [x, y] = [left * PAD.width, top * PAD.height];
      this.seen.imageSmoothingEnabled = this.picture.width > 2 * MNIST_SIDE_PX || this.picture.height > 2 * MNIST_SIDE_PX;
      this.seen.drawImage(this.picture, x, y, width * PAD.width, height * PAD.height);
      return;
    }
    for (const stroke of this.strokes) {
      for (let point = 0; point < stroke.points.length; point++) this.#drawSegment(stroke, point);
      this.#drawEnd(stroke);
    }
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = (value, size) => Math.round(value * size * 100) / 100;
    return [
      at((event.clientX - box.left) / box.width, PAD.width),
      at((event.clientY - box.top) / box.height, PAD.height),
      Math.round(event.timeStamp - this.begun),
    ];
  }

  #begin(event) {
    if (this.picture || this.stroke || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    if (!this.strokes.length) this.begun = event.timeStamp;
    const tool = event.buttons & 32 ? "eraser" : this.tool; // 32: the eraser end of a pen
    this.stroke = { tool, width: tool === "eraser" ? 2 * this.width : this.width, points: [this.#place(event)] };
    this.past.push(this.strokes);
    this.future = [];
    this.strokes = [...this.strokes, this.stroke];
    this.#drawSegment(this.stroke, 0);
    this.onChange(false);
  }

  #move(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const point = this.#place(each);
      const last = this.stroke.points.at(-1);
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) < 0.5) continue;
      this.stroke.points.push(point);
      this.#drawSegment(this.stroke, this.stroke.points.length - 1);
    }
    this.onChange(false);
  }

  #end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    this.#drawEnd(this.stroke);
    this.stroke = undefined;
    this.onChange(true);
  }

  /** The system took the pointer, for example to scroll: drop the unfinished stroke. */
  #cancel(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    this.stroke = undefined;
    this.strokes = this.past.pop();
    this.redraw();
    this.onChange(true);
  }

  /** Draw a dot for the first point, and a curve for each later one: between the middles of the last two lines. */
  #drawSegment({ tool, width, points }, index) {
    const [x, y] = points[index];
    this.#draw(tool, width, (path) => {
      if (index === 0) {
        path.moveTo(x, y);
        path.lineTo(x, y);
        return;
      }
      const [lastX, lastY] = points[index - 1];
      const [beforeX, beforeY] = points[Math.max(0, index - 2)];
      path.moveTo((beforeX + lastX) / 2, (beforeY + lastY) / 2);
      path.quadraticCurveTo(lastX, lastY, (lastX + x) / 2, (lastY + y) / 2);
    });
  }

  /** Draw from the middle of the last line to the last point. */
  #drawEnd({ tool, width, points }) {
    if (points.length < 2) return;
    const [[beforeX, beforeY], [x, y]] = points.slice(-2);
    this.#draw(tool, width, (path) => {
      path.moveTo((beforeX + x) / 2, (beforeY + y) / 2);
      path.lineTo(x, y);
    });
  }

  #draw(tool, width, trace) {
    for (const [context, colour] of [[this.seen, this.colours[tool]], [this.page, tool === "pen" ? "#000" : "#fff"]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      trace(context);
      context.stroke();
    }
  }
}

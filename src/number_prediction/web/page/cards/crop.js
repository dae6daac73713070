// Cropping: a frame that the pointer draws, with two corners that the arrow keys move.

/** Shares of the picture: how far an arrow key moves a corner, how far with Shift, and the smallest part. */
const STEP_SHARE = 0.01;
const BIG_STEP_SHARE = 0.1;
const MIN_PART_SHARE = 0.02;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The part is kept as shares of the picture; `place` is where the picture lies on the stage. */
export class Crop {
  constructor({ layer, area, start, end }) {
    this.layer = layer;
    this.area = area;
    this.corners = [start, end];
    layer.addEventListener("pointerdown", (event) => this.#begin(event));
    layer.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) layer.addEventListener(name, () => (this.dragged = undefined));
    this.corners.forEach((corner, index) => corner.addEventListener("keydown", (event) => this.#press(event, index)));
  }

  /** Start with the whole picture. */
  open(place) {
    this.place = place;
    this.part = [[0, 0], [1, 1]];
    this.layer.hidden = false;
    this.#show();
    this.corners[0].focus();
  }

  close() {
    this.layer.hidden = true;
  }

  /** The part in pixels of a picture: { left, top, width, height }, at least one pixel. */
  in({ width, height }) {
    const [[left, top], [right, bottom]] = this.part;
    const [x, y] = [Math.floor(left * width), Math.floor(top * height)];
    return {
      left: x,
      top: y,
      width: Math.max(1, Math.ceil(right * width) - x),
      height: Math.max(1, Math.ceil(bottom * height) - y),
    };
  }

  #at(event) {
    const box = this.layer.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width - this.place.left) / this.place.width;
    const y = ((event.clientY - box.top) / box.height - this.place.top) / this.place.height;
    return [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.layer.setPointerCapture(event.pointerId);
    this.dragged = this.corners.indexOf(event.target);
    if (this.dragged < 0) {
      this.from = this.#at(event);
    } else {
      this.corners[this.dragged].focus();
    }
  }

  #move(event) {
    if (this.dragged === undefined) return;
    const at = this.#at(event);
    if (this.dragged >= 0) {
      this.#put(this.dragged, at);
    } else {
      const [from, to] = [this.from, at];
      const part = [0, 1].map((end) => [0, 1].map((axis) => (end ? Math.max : Math.min)(from[axis], to[axis])));
      if (part[1][0] - part[0][0] >= MIN_PART_SHARE && part[1][1] - part[0][1] >= MIN_PART_SHARE) this.part = part;
      this.#show();
    }
  }

  #press(event, index) {
    const direction = DIRECTIONS[event.key];
    if (!direction) return;
    event.preventDefault();
    const step = event.shiftKey ? BIG_STEP_SHARE : STEP_SHARE;
    this.#put(index, this.part[index].map((value, axis) => value + direction[axis] * step));
  }

  /** Move a corner; it stays inside the picture and on its side of the other corner. */
  #put(index, at) {
    const other = this.part[1 - index];
    this.part[index] = at.map((value, axis) =>
      index ? Math.min(1, Math.max(other[axis] + MIN_PART_SHARE, value)) : Math.max(0, Math.min(other[axis] - MIN_PART_SHARE, value)),
    );
    this.#show();
  }

  #show() {
    const on = (axis, share) => {
      const [begin, size] = axis ? [this.place.top, this.place.height] : [this.place.left, this.place.width];
      return `${100 * (begin + share * size)}%`;
    };
    const [[left, top], [right, bottom]] = this.part;
    Object.assign(this.area.style, {
      left: on(0, left),
      top: on(1, top),
      width: `${100 * (right - left) * this.place.width}%`,
      height: `${100 * (bottom - top) * this.place.height}%`,
    });
    this.corners.forEach((corner, index) => {
      Object.assign(corner.style, { left: on(0, this.part[index][0]), top: on(1, this.part[index][1]) });
    });
  }
}

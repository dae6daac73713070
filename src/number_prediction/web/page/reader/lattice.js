// A lattice of glyph probabilities -> the most probable text, its glyphs, and their boxes on the page.
// The same search and results as decoding/search.py and numbers/predictor.py, without constraints.

/** Number of prefixes of each length that are extended. */
const BEAM_WIDTH = 64;
/** Less probable alternatives are left out. */
const MIN_ALTERNATIVE_PROBABILITY = 1e-4;
/** A pixel of the frame with more ink than this belongs to a glyph. */
const MIN_PIXEL_INK = 0.3;
const BLANK = 0;

/**
 * The most probable text of a lattice, summed over its alignments (prefix search, Graves, 2012, 7.5.1).
 *
 * probabilities: step_count x glyphs.length values in a row, each step sums to 1; glyphs: names, the blank "" first.
 * Returns { text, confidence, glyphs: [{ glyph, begin, end, confidence, alternatives }] }.
 */
export function decode(probabilities, glyphs) {
  const lattice = { probabilities, glyphs, size: glyphs.length, steps: probabilities.length / glyphs.length };
  let queue = [{ mass: 1, text: [], prefix: emptyPrefix(lattice), isWhole: false }];
  let leftOut = [];
  let beam = BEAM_WIDTH;
  const looked = new Map();
  for (;;) {
    if (!queue.length) {
      [queue, leftOut] = [leftOut.reverse(), []];
      beam *= 2;
    }
    const best = queue.pop();
    if (best.isWhole) return describe(lattice, best.text, best.mass);
    const length = best.text.length;
    if ((looked.get(length) ?? 0) >= beam) {
      leftOut.push(best);
      continue;
    }
    looked.set(length, (looked.get(length) ?? 0) + 1);
    const last = best.text.at(-1);
    const prefix = length ? extend(lattice, best.prefix, last, best.text.at(-2) === last) : best.prefix;
    push(queue, { mass: prefix.glyph[lattice.steps] + prefix.blank[lattice.steps], text: best.text, isWhole: true });
    for (let glyph = 1; glyph < lattice.size; glyph++) {
      let mass = 0;
      for (let step = 0; step < lattice.steps; step++) {
        const entering = prefix.blank[step] + (glyph === last ? 0 : prefix.glyph[step]);
        mass += entering * probability(lattice, step, glyph);
      }
      if (mass > 0) push(queue, { mass, text: [...best.text, glyph], prefix, isWhole: false });
    }
  }
}

/** Insert into a queue sorted by rising mass; of equal masses, the first one inserted leaves first. */
function push(queue, item) {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (queue[middle].mass < item.mass) low = middle + 1;
    else high = middle;
  }
  queue.splice(low, 0, item);
}

function probability(lattice, step, glyph) {
  return lattice.probabilities[step * lattice.size + glyph];
}

/** Probabilities that the first t steps contain only blanks. */
function emptyPrefix(lattice) {
  const blank = new Float64Array(lattice.steps + 1);
  blank[0] = 1;
  for (let step = 0; step < lattice.steps; step++) blank[step + 1] = blank[step] * probability(lattice, step, BLANK);
  return { glyph: new Float64Array(lattice.steps + 1), blank };
}

/** Extend a prefix by a glyph; a repeated glyph needs a blank before it. */
function extend(lattice, prefix, glyph, isRepeat) {
  const inGlyph = new Float64Array(lattice.steps + 1);
  const inBlank = new Float64Array(lattice.steps + 1);
  for (let step = 0; step < lattice.steps; step++) {
    const entering = prefix.blank[step] + (isRepeat ? 0 : prefix.glyph[step]);
    inGlyph[step + 1] = (inGlyph[step] + entering) * probability(lattice, step, glyph);
    inBlank[step + 1] = (inBlank[step] + inGlyph[step]) * probability(lattice, step, BLANK);
  }
  return { glyph: inGlyph, blank: inBlank };
}

/** Describe each glyph of a text: its steps, confidence and alternatives. */
function describe(lattice, text, mass) {
  const spans = align(lattice, text);
  const glyphs = text.map((glyph, position) => {
    const { begin, end } = spans[position];
    const first = position ? spans[position - 1].end : 0;
    const last = position + 1 < text.length ? spans[position + 1].begin : lattice.steps;
    let nothing = 1;
    for (let step = first; step < last; step++) nothing *= probability(lattice, step, BLANK);
    let surest = begin;
    for (let step = begin; step < end; step++) {
      if (probability(lattice, step, glyph) > probability(lattice, surest, glyph)) surest = step;
    }
    let sum = 0;
    for (let other = 1; other < lattice.size; other++) sum += probability(lattice, surest, other);
    const shares = lattice.glyphs.map((_, other) =>
      other === BLANK ? nothing : (probability(lattice, surest, other) * (1 - nothing)) / sum,
    );
    const alternatives = shares
      .map((share, other) => [other, share])
      .filter(([other, share]) => other !== glyph && share >= MIN_ALTERNATIVE_PROBABILITY)
      .sort((one, two) => two[1] - one[1])
      .map(([other, share]) => [lattice.glyphs[other], share]);
    return { glyph: lattice.glyphs[glyph], begin, end, confidence: shares[glyph], alternatives };
  });
  return { text: text.map((glyph) => lattice.glyphs[glyph]).join(""), confidence: Math.min(1, mass), glyphs };
}

/** The time steps of each glyph in the most probable alignment (Viterbi, 1967). */
function align(lattice, text) {
  const zero = -110 * (lattice.steps + 1);
  const log = (step, glyph) => {
    const value = probability(lattice, step, glyph);
    return value > 0 ? Math.log(value) : zero;
  };
  const empty = { glyph: new Float64Array(lattice.steps + 1).fill(-Infinity), blank: new Float64Array(lattice.steps + 1) };
  for (let step = 0; step < lattice.steps; step++) empty.blank[step + 1] = empty.blank[step] + log(step, BLANK);
  const prefixes = [empty];
  text.forEach((glyph, position) => {
    const before = prefixes[position];
    const isRepeat = text[position - 1] === glyph;
    const here = {
      glyph: new Float64Array(lattice.steps + 1).fill(-Infinity),
      blank: new Float64Array(lattice.steps + 1).fill(-Infinity),
      entering: before.blank.map((value, step) => (isRepeat ? value : Math.max(value, before.glyph[step]))),
    };
    for (let step = 0; step < lattice.steps; step++) {
      here.glyph[step + 1] = Math.max(here.glyph[step], here.entering[step]) + log(step, glyph);
      here.blank[step + 1] = Math.max(here.blank[step], here.glyph[step]) + log(step, BLANK);
    }
    prefixes.push(here);
  });
  const spans = [];
  let step = lattice.steps;
  let wasRepeat = false; // whether the glyph after this one is the same, so that a blank is between
  for (let position = text.length; position > 0; position--) {
    const here = prefixes[position];
    if (wasRepeat) step--;
    while (here.blank[step] > here.glyph[step]) step--;
    const end = step;
    wasRepeat = position > 1 && text[position - 1] === text[position - 2];
    step--;
    while (here.glyph[step] > here.entering[step]) step--;
    spans.unshift({ begin: step, end });
  }
  return spans;
}

/**
 * Give each glyph of a reading its box on the page.
 *
 * frame: { width, height, data } in [0, 1]; steps: T of the lattice; place: left, top and side of the frame's pixels.
 * Returns the glyphs with `box`: [left, top, width, height].
 */
export function locate(reading, frame, steps, place) {
  const step = frame.width / steps;
  const middles = reading.glyphs.map((glyph) => ((glyph.begin + glyph.end) / 2) * step);
  return reading.glyphs.map((glyph, index) => {
    const middle = middles[index];
    const left = index ? (middles[index - 1] + middle) / 2 : middle - frame.height;
    const right = index + 1 < middles.length ? (middle + middles[index + 1]) / 2 : middle + frame.height;
    return { ...glyph, box: boxOf(frame, left, right, middle, place) };
  });
}

/** The box on the page of the ink between two columns of the frame, around the column `middle`. */
function boxOf(frame, left, right, middle, [x, y, side]) {
  const begin = Math.max(0, round(left));
  const end = Math.min(frame.width, Math.max(round(left) + 1, round(right)));
  const isInked = (column, row) => frame.data[row * frame.width + column] > MIN_PIXEL_INK;
  const rows = [...Array(frame.height).keys()];
  const marked = [];
  for (let column = begin; column < end; column++) if (rows.some((row) => isInked(column, row))) marked.push(column);
  const [first, last] = runAbout(marked, round(middle), [begin, end - 1]);
  const inkedRows = rows.filter((row) => {
    for (let column = first; column <= last; column++) if (isInked(column, row)) return true;
    return false;
  });
  const top = inkedRows.length ? inkedRows[0] : 0;
  const bottom = inkedRows.length ? inkedRows.at(-1) + 1 : frame.height;
  return [x + first * side, y + top * side, (last + 1 - first) * side, (bottom - top) * side];
}

/** First and last of the inked columns around `middle`; gaps of up to two pixels are included. */
function runAbout(marked, middle, everything) {
  if (!marked.length) return everything;
  const parts = [[marked[0], marked[0]]];
  for (const column of marked.slice(1)) {
    if (column - parts.at(-1)[1] > 3) parts.push([column, column]);
    else parts.at(-1)[1] = column;
  }
  const distance = ([first, last]) => Math.max(0, first - middle, middle - last);
  return parts.reduce((best, part) => (distance(part) < distance(best) ? part : best));
}

/** Round like Python: halves to the even number. */
function round(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** A less probable text is not read as a number: a scribble fits many texts badly, and a word fits none. */
const MIN_NUMBER_PROBABILITY = 0.2;

/** Whether a reading is a number of several glyphs; otherwise the model for digits reads the page. */
export function isNumber({ glyphs, confidence, fit }) {
  return glyphs.length > 1 && confidence * fit >= MIN_NUMBER_PROBABILITY;
}

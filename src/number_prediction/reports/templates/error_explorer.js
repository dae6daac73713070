// The error explorer of report.html: explorer-data (see explorer.py) -> matrix, pictures, one in detail.
"use strict";
(() => {
  const CHUNK = 60; // pictures added at a time
  const ALL_BARS = 12; // up to so many classes all have a bar, in their order; else the best so many
  const COMMON = 9; // entries of the list beside the matrix
  const NONE = -1; // the "class" of an abstention
  const ORDERS = {
    falling: "the most confident first",
    rising: "the least confident first",
    index: "by number",
    suspicion: "the most suspicious label first",
  };
  const byId = (name) => document.getElementById("explorer-" + name);
  const data = JSON.parse(byId("data").textContent);
  const classCount = data.classes.length;
  const everything = data.index.map((_, position) => position);
  const confidence = everything.map((position) => Math.max(...probabilities(position)));
  const detailOf = new Map(data.detailed.map((position, row) => [position, row]));
  const [matrix, tiles, more, side, dialog, detail] = ["matrix", "tiles", "more", "side", "dialog", "detail"].map(byId);
  const [controls, heading, title] = ["controls", "heading", "title"].map(byId);
  const isWide = window.matchMedia("(min-width: 56rem)"); // as in explorer.css: the detail stands beside the pictures

  let list = []; // positions of the pictures that are chosen, in their order
  let current = null; // position of the picture in detail
  let overlay = null; // name of the saliency map that is shown
  let origin = null; // the button that chose the pictures: Escape leads back to it
  let isInDetail = false; // whether what had the focus last is in the detail

  // Words and figures

  function probabilities(position) {
    return data.probabilities.slice(position * classCount, (position + 1) * classCount);
  }
  function nameOf(label) {
    return label === NONE ? "none" : data.classes[label];
  }
  function reading(label, predicted) {
    return `${nameOf(label)} read as ${nameOf(predicted)}`;
  }
  function number(value) {
    return value.toLocaleString("en");
  }
  function counted(count) {
    return `${number(count)} ${count === 1 ? "picture" : "pictures"}`;
  }
  function percent(tenThousandths) {
    return (tenThousandths / 100).toFixed(2) + "%";
  }
  function isError(position) {
    return data.predicted[position] !== data.label[position];
  }
  function isSuspect(position) {
    return data.suggested[position] !== NONE;
  }
  function isShortcut(event) {
    return event.altKey || event.ctrlKey || event.metaKey; // such as Alt and the left arrow: back
  }
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  // Pictures

  const sheets = new Map();
  function decoded(sheet) {
    if (!sheets.has(sheet)) {
      const image = new Image();
      image.src = sheet;
      sheets.set(sheet, image.decode().then(() => image));
    }
    return sheets.get(sheet);
  }
  function picture(sheet, tile, attributes) {
    const size = data.tile;
    const canvas = make("canvas", { width: size, height: size, ...attributes });
    const [x, y] = [tile % data.columns, Math.floor(tile / data.columns)];
    decoded(sheet).then((image) => {
      canvas.getContext("2d").drawImage(image, x * size, y * size, size, size, 0, 0, size, size);
    });
    return canvas;
  }

  // The matrix and the list of common errors

  function prepareMatrix() {
    const errors = [];
    for (const row of matrix.tBodies[0].rows) {
      const label = row.sectionRowIndex;
      for (const cell of row.querySelectorAll("td")) {
        const column = cell.cellIndex - 1;
        const predicted = column < classCount ? column : NONE;
        const count = Number(cell.textContent);
        if (count === 0) continue;
        const button = make("button", { type: "button" }, String(count));
        button.setAttribute("aria-label", `${reading(label, predicted)}: ${counted(count)}`);
        markAsChoice(button, label, predicted);
        cell.replaceChildren(button);
        if (label !== predicted) errors.push({ label, predicted, count });
      }
    }
    errors.sort((a, b) => b.count - a.count);
    byId("common").hidden = errors.length === 0;
    byId("common").querySelector("ol").append(...errors.slice(0, COMMON).map((error) => {
      const bar = make("i", {});
      bar.style.width = `${(100 * error.count) / errors[0].count}%`;
      const button = make("button", { type: "button" }, make("span", {}, reading(error.label, error.predicted)), bar, make("b", {}, number(error.count)));
      markAsChoice(button, error.label, error.predicted);
      return make("li", {}, button);
    }));
  }
  function markAsChoice(button, label, predicted) {
    Object.assign(button.dataset, { label, predicted });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      choose("all", label, predicted);
      origin = button;
      heading.focus({ preventScroll: true });
      if (heading.getBoundingClientRect().top > window.innerHeight / 3) heading.scrollIntoView();
    });
  }
  function moveInMatrix(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const cell = event.target.closest("td");
    if (!step || !cell || isShortcut(event)) return;
    event.preventDefault();
    const rows = matrix.tBodies[0].rows;
    let [row, column] = [cell.parentElement.sectionRowIndex, cell.cellIndex];
    let button = null;
    do {
      [row, column] = [row + step[0], column + step[1]];
      if (!rows[row] || !rows[row].cells[column]) return;
      button = rows[row].cells[column].querySelector("button");
    } while (!button);
    button.focus();
  }

  // Which pictures are shown; the controls hold the choice

  function choice() {
    const values = new FormData(controls);
    const [label, predicted] = ["label", "predicted"].map((name) => (values.get(name) === "" ? null : Number(values.get(name))));
    return { which: values.get("which"), label, predicted, order: values.get("order") };
  }
  function choose(which, label, predicted) {
    controls.elements.which.value = which;
    controls.elements.label.value = label ?? "";
    controls.elements.predicted.value = predicted ?? "";
    controls.elements.order.value = which === "suspects" ? "suspicion" : "falling";
    origin = null;
    update();
  }
  function startingChoice() {
    choose(everything.some(isError) ? "errors" : "all", null, null);
  }
  function update() {
    const { which, label, predicted, order } = choice();
    const isOfKind = { errors: isError, suspects: isSuspect, all: () => true }[which];
    const key = {
      falling: (position) => -confidence[position],
      rising: (position) => confidence[position],
      index: (position) => data.index[position],
      suspicion: (position) => data.suspicion[position],
    }[order];
    list = everything.filter((position) =>
      isOfKind(position)
      && (label === null || data.label[position] === label)
      && (predicted === null || data.predicted[position] === predicted));
    list.sort((a, b) => key(a) - key(b));
    for (const button of document.querySelectorAll(".overview button")) {
      const isChosen = button.dataset.label === String(label) && button.dataset.predicted === String(predicted);
      button.setAttribute("aria-pressed", String(isChosen));
    }
    tiles.replaceChildren();
    showMore();
    if (current === null) return;
    const isShown = list.slice(0, CHUNK).includes(current);
    if (list.length > 0) open(isShown ? current : list[0], { takesFocus: false });
    else empty();
  }
  function showMore() {
    const begin = tiles.children.length;
    tiles.append(...list.slice(begin, begin + CHUNK).map(tile));
    const left = list.length - tiles.children.length;
    more.hidden = left === 0;
    more.textContent = `Show ${number(Math.min(left, CHUNK))} more`;
    byId("status").textContent = state();
    return begin;
  }
  function state() {
    const { which, label, predicted, order } = choice();
    const isCell = label !== null && predicted !== null;
    const words = [];
    if (which === "errors" && !(isCell && label !== predicted)) words.push("errors");
    if (which === "suspects") words.push("suspicious labels");
    if (isCell) words.push(reading(label, predicted));
    else if (label !== null) words.push(`labelled ${nameOf(label)}`);
    else if (predicted !== null) words.push(`read as ${nameOf(predicted)}`);
    const what = words.length > 0 ? `: ${words.join(", ")}` : "";
    const evaluated = which === "all" ? countEvaluated(label, predicted) : 0;
    const rest = evaluated > list.length
      ? ` The page holds ${number(list.length)} of ${number(evaluated)}: the errors and a sample of the rest.`
      : "";
    if (list.length === 0) return `No pictures${what}.${rest}`;
    return `${number(tiles.children.length)} of ${counted(list.length)}${what}, ${ORDERS[order]}.${rest}`;
  }
  function countEvaluated(label, predicted) {
    let count = 0;
    data.confusion.forEach((row, truth) => [...row, data.abstained[truth]].forEach((value, column) => {
      const answer = column < classCount ? column : NONE;
      if ((label === null || truth === label) && (predicted === null || answer === predicted)) count += value;
    }));
    return count;
  }

  // The pictures

  function tile(position) {
    const [label, predicted] = [data.label[position], data.predicted[position]];
    const arrow = make("span", { class: "soft", "aria-hidden": "true" }, " → ");
    const words = isError(position)
      ? [make("span", {}, nameOf(label)), hidden(" read as "), make("span", { class: "wrong-class" }, arrow, nameOf(predicted))]
      : [make("span", {}, nameOf(label)), make("span", { class: "right-class", "aria-hidden": "true" }, " ✓"), hidden(" read right")];
    const button = make("button", { type: "button" },
      picture(data.frames, position, { "aria-hidden": "true" }),
      hidden(`No. ${data.index[position]}: `), make("strong", {}, ...words),
      hidden(", "), make("span", { class: "soft" }, percent(confidence[position])));
    if (isSuspect(position)) {
      button.append(make("span", { class: "flag", "aria-hidden": "true" }, "?"), hidden(", label suspected"));
      button.title = `Label suspected: ${nameOf(data.suggested[position])}?`;
    }
    button.addEventListener("click", () => open(position, {}));
    return make("li", {}, button);
  }
  function hidden(text) {
    return make("span", { class: "unseen" }, text);
  }
  function tileButton(position) {
    const place = list.indexOf(position);
    while (place >= tiles.children.length) showMore();
    return place < 0 ? null : tiles.children[place].firstChild;
  }
  function markCurrent() {
    tiles.querySelector("[aria-current]")?.removeAttribute("aria-current");
    if (current !== null) tileButton(current)?.setAttribute("aria-current", "true");
  }
  function moveInTiles(event) {
    const item = event.target.closest("li");
    if (!item || isShortcut(event)) return;
    if (event.key === "Escape" && origin) origin.focus();
    const items = [...tiles.children];
    const place = items.indexOf(item);
    const inRow = items.filter((other) => other.offsetTop === items[0].offsetTop).length;
    const next = {
      ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: place - inRow, ArrowDown: place + inRow,
      Home: 0, End: items.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    items[next]?.firstChild.focus();
  }

  // One picture in detail: beside the pictures, or in a dialog where there is no room

  function open(position, { takesFocus = true }) {
    current = position;
    fill();
    detail.hidden = false;
    byId("hint").hidden = true;
    const place = isWide.matches ? side : dialog;
    if (detail.parentElement !== place) place.append(detail); // moving it would take the focus away
    if (place === dialog && !dialog.open) dialog.showModal();
    markCurrent();
    if (takesFocus) title.focus({ preventScroll: isWide.matches });
  }
  function empty() {
    current = null;
    detail.hidden = true;
    byId("hint").hidden = false;
    markCurrent();
    if (dialog.open) dialog.close();
  }
  function close() {
    const button = tileButton(current);
    empty();
    (button ?? heading).focus();
  }
  function step(by) {
    const next = list[list.indexOf(current) + by];
    if (next !== undefined) open(next, { takesFocus: false });
  }
  function moveInDetail(event) {
    if (isShortcut(event)) return;
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  }
  function changeWidth() {
    const hadFocus = isInDetail; // the browser may have taken the focus from what has no room any more
    if (current === null) return;
    if (isWide.matches || hadFocus) {
      if (isWide.matches && dialog.open) dialog.close();
      open(current, { takesFocus: hadFocus });
    } else empty();
  }

  function fill() {
    const [label, predicted] = [data.label[current], data.predicted[current]];
    const place = list.indexOf(current);
    title.textContent = reading(label, predicted);
    byId("position").textContent = `${number(place + 1)} of ${number(list.length)}`;
    byId("previous").setAttribute("aria-disabled", String(place === 0));
    byId("next").setAttribute("aria-disabled", String(place === list.length - 1));
    fillFacts(label, predicted);
    fillSuspicion();
    fillBars(label, predicted);
    fillStage();
    fillNeighbours(label);
    const hasDetails = detailOf.has(current);
    byId("without").hidden = hasDetails || detailOf.size === 0;
  }
  function fillFacts(label, predicted) {
    const best = probabilities(current).indexOf(confidence[current]);
    const facts = [
      ["Label", nameOf(label)],
      ["Answer", predicted === NONE ? "none: not a digit" : nameOf(predicted), isError(current) ? "wrong-class" : "right-class"],
      predicted === NONE
        ? ["Most probable", `${nameOf(best)}, ${percent(confidence[current])}`]
        : ["Confidence", percent(confidence[current])],
      ["Number in the data", String(data.index[current])],
    ];
    byId("facts").replaceChildren(...facts.map(([name, value, kind = ""]) =>
      make("div", {}, make("dt", {}, name), make("dd", { class: kind }, value))));
  }
  function fillSuspicion() {
    const verdict = isSuspect(current)
      ? [make("b", {}, `confident learning suggests ${nameOf(data.suggested[current])}`), "."]
      : ["not suspected."];
    byId("suspicion").replaceChildren(
      `Suspicion of the label: rank ${number(data.suspicion[current])} of ${number(data.total)}; `, ...verdict);
  }
  function fillBars(label, predicted) {
    const shares = probabilities(current);
    let shown = shares.map((_, index) => index);
    if (classCount > ALL_BARS) {
      shown.sort((a, b) => shares[b] - shares[a]);
      shown = shown.filter((index, rank) => rank < ALL_BARS || index === label);
    }
    byId("bars-title").textContent = classCount > ALL_BARS ? `Probabilities, the best of ${classCount} classes` : "Probabilities";
    byId("bars").replaceChildren(...shown.map((index) => {
      const roles = [index === label && "label", index === predicted && "answer"].filter(Boolean).join(", ");
      const bar = make("i", {});
      bar.style.setProperty("--share", `${shares[index] / 100}%`);
      const kind = index === label ? "truth" : index === predicted ? "answer" : "";
      return make("li", kind ? { class: kind } : {},
        make("span", { title: nameOf(index) }, nameOf(index), make("small", {}, roles && ` ${roles}`)),
        bar, make("span", {}, percent(shares[index])));
    }));
  }
  function fillStage() {
    const row = detailOf.get(current);
    byId("stage").replaceChildren(picture(data.frames, current, {
      role: "img", "aria-label": `Picture no. ${data.index[current]} as the network saw it`,
    }));
    const maps = row === undefined ? [] : data.saliency;
    byId("overlay").hidden = maps.length === 0;
    if (maps.length === 0) return;
    const shown = maps.find((map) => map.name === overlay);
    if (shown) byId("stage").append(picture(shown.sheet, row, { "aria-hidden": "true", "data-overlay": shown.name }));
    for (const button of byId("overlay").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.overlay === (shown ? shown.name : "")));
    }
    byId("overlay").querySelector(".note").textContent = shown ? shown.note : "";
  }
  function prepareOverlays() {
    const choices = [["", "Picture"], ...data.saliency.map((map) => [map.name, map.name])];
    byId("overlay").querySelector("[role=group]").append(...choices.map(([name, text]) => {
      const button = make("button", { type: "button", "data-overlay": name }, text);
      button.addEventListener("click", () => {
        overlay = name;
        fillStage();
      });
      return button;
    }));
  }
  function fillNeighbours(label) {
    const row = detailOf.get(current);
    const near = data.neighbours;
    byId("near").hidden = row === undefined || near === null;
    if (byId("near").hidden) return;
    byId("near").querySelector("ol").replaceChildren(...near.label[row].map((theirs, rank) =>
      make("li", {},
        picture(near.sheet, row * near.count + rank, { "aria-hidden": "true" }),
        make("b", { class: theirs === label ? "right-class" : "wrong-class" }, nameOf(theirs)),
        `no. ${near.index[row][rank]}`)));
  }

  // Wiring

  prepareMatrix();
  prepareOverlays();
  const counts = { errors: isError, all: () => true, suspects: isSuspect };
  for (const input of controls.elements.which) {
    input.nextElementSibling.querySelector("b").textContent = number(everything.filter(counts[input.value]).length);
  }
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("change", (event) => {
    const { which, label, predicted } = choice();
    if (event.target.name === "which") choose(which, label, predicted);
    else update();
  });
  byId("reset").addEventListener("click", startingChoice);
  byId("skip").addEventListener("click", () => heading.focus());
  more.addEventListener("click", () => {
    const begin = showMore();
    tiles.children[begin].firstChild.focus();
  });
  matrix.addEventListener("keydown", moveInMatrix);
  tiles.addEventListener("keydown", moveInTiles);
  heading.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && origin) origin.focus();
  });
  detail.addEventListener("keydown", moveInDetail);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", close);
  dialog.addEventListener("close", () => { // which comes later: the dialog may be open again
    if (current !== null && !dialog.open && dialog.contains(detail)) close(); // by the browser: Escape or the back button
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  isWide.addEventListener("change", changeWidth);
  document.addEventListener("focusin", (event) => {
    isInDetail = detail.contains(event.target);
  });
  document.querySelectorAll(".live").forEach((element) => {
    if (element !== byId("common")) element.hidden = false;
  });
  startingChoice();
  if (isWide.matches && list.length > 0) open(list[0], { takesFocus: false });
})();

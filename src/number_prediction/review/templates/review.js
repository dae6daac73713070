// The page of a review: review-data (from review/folder.py) and typed corrections -> review.csv to download.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("review-data").textContent);
  const place = data.columns.indexOf("correction");
  const status = document.getElementById("review-status");
  const inputs = [...document.querySelectorAll(".numbers input")]; // in the order of data.rows
  const INVALID = "not a number"; // state of an input
  const signs = [...data.glyphs].slice(10).join(" "); // after the digits
  let downloaded = typed().join("\n");

  function typed() {
    return inputs.map((input) => input.value.trim());
  }
  function isNumber(text) {
    return text.toLowerCase() === data.empty || [...text].every((glyph) => data.glyphs.includes(glyph));
  }
  function wrongInputs() {
    return inputs.filter((input) => !isNumber(input.value.trim()));
  }
  function stateOf(input) {
    const text = input.value.trim();
    if (!isNumber(text)) return INVALID;
    return text && (text === input.dataset.reading ? "confirmed" : "corrected");
  }
  function mark(input) {
    const state = stateOf(input);
    input.setAttribute("aria-invalid", state === INVALID);
    input.closest("li").querySelector(".state").textContent = state;
  }
  function sum() {
    const states = inputs.map(stateOf);
    const count = (state) => states.filter((each) => each === state).length;
    const wrong = count(INVALID);
    status.textContent =
      `${count("corrected")} corrected, ${count("confirmed")} confirmed, ${count("")} unchanged of ${inputs.length}` +
      (wrong ? `; ${wrong} ${INVALID}: use digits and ${signs}, or ${data.empty}` : "");
  }
  function update(input) {
    mark(input);
    sum();
  }

  function goTo(position) {
    const input = inputs[position];
    if (!input) return document.getElementById("review-download").focus();
    input.focus();
    input.select();
    input.closest("li").scrollIntoView({ block: "nearest" });
  }
  function choose(input, text) {
    input.value = text;
    update(input);
    goTo(inputs.indexOf(input) + 1);
  }

  // As review/table.py guards cells: a spreadsheet keeps every character
  function guard(text) {
    return text === "" || /^(-?(0|[1-9]\d{0,10})|[a-z]+)$/i.test(text) ? text : `'${text}`;
  }
  function quote(cell) {
    return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  }
  function download() {
    const [wrong] = wrongInputs();
    if (wrong) return goTo(inputs.indexOf(wrong));
    const texts = typed();
    const rows = data.rows.map((cells, row) => cells.with(place, guard(texts[row])));
    const lines = [data.columns, ...rows].map((cells) => cells.map(quote).join(",") + "\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
    link.download = "review.csv";
    link.click();
    downloaded = texts.join("\n");
  }

  for (const [position, input] of inputs.entries()) {
    input.addEventListener("input", () => update(input));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      if (event.shiftKey) return goTo(Math.max(0, position - 1));
      choose(input, input.value.trim() || input.dataset.reading);
    });
    for (const button of input.parentElement.querySelectorAll("button"))
      button.addEventListener("click", () => choose(input, button.value));
    mark(input);
  }
  sum();
  document.getElementById("review-download").addEventListener("click", download);
  window.addEventListener("beforeunload", (event) => {
    if (typed().join("\n") !== downloaded) event.preventDefault();
  });
})();

// Short names for what the page does with elements.

export const find = (id) => document.getElementById(id);

export const on = (id, name, act) => find(id).addEventListener(name, act);

/** Create an element with text, attributes and children. */
export function make(name, { text, ...attributes } = {}, children = []) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Give a list `count` items; `add(index)` creates one. Existing items stay, and keep the focus. */
export function fit(list, count, add) {
  while (list.childElementCount > count) list.lastElementChild.remove();
  while (list.childElementCount < count) list.append(add(list.childElementCount));
}

/** Words that have not changed for this long are announced. */
const QUIET_MS = 600;

let announcing; // timer until the words are announced

/** Tell screen readers something, instead of what `announceLater` was given. */
export function announce(words) {
  clearTimeout(announcing);
  if (find("announce").textContent !== words) find("announce").textContent = words;
}

/** Tell screen readers something if nothing else is announced for a moment; without words, say nothing. */
export function announceLater(words) {
  clearTimeout(announcing);
  if (words) announcing = setTimeout(announce, QUIET_MS, words);
}

// What the parts of the page share. The comments say which part sets a value.

export const state = {
  engine: undefined, // reads pictures; see engine.js (app.js)
  store: undefined, // stores corrections; see kept.js (app.js)
  isOffline: false, // whether the page also works without a connection (app.js)
  source: undefined, // what is read, see engine.js; `of` is the first stroke of the drawing or a bitmap (app.js, opening.js)
  picture: undefined, // { bitmap } while a picture is shown instead of the drawing (opening.js)
  answer: undefined, // the last answer for `source` (reading.js)
};

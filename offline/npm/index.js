// Read handwritten digits and numbers in the browser: load() -> reader, and the element <number-pad>.

import { NumberPad } from "./number-pad.js";

export { load, Reader, ReaderError } from "./reader.js";
export { NumberPad };

if (!customElements.get("number-pad")) customElements.define("number-pad", NumberPad);

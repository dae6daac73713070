// The view "Corrections": the corrections that were kept, to look at, download and delete.

import { sayLabel } from "./answer.js";
import { announce, find, make, on } from "../dom.js";
import { state } from "../state.js";
import { say, sayNumber, sayTime } from "../strings.js";

const DOWNLOAD_MS = 60_000;

export class CorrectionsView {
  #listed; // the last list that was requested; an earlier one that arrives later is not shown

  /** `onError(error, retry)` is called if the store fails. */
  constructor({ onError }) {
    this.onError = onError;
    on("export", "click", () => this.#download());
    on("remove-all", "click", () => this.#askToRemoveAll());
    on("confirm", "close", async () => {
      if (find("confirm").returnValue === "yes") await this.#remove(() => state.store.clear());
    });
  }

  show = async () => {
    const mine = (this.#listed = {});
    try {
      const corrections = await state.store.list();
      const items = await Promise.all(corrections.toReversed().map((each) => this.#makeItem(each)));
      if (mine === this.#listed) this.#fill(corrections, items);
    } catch (error) {
      if (mine === this.#listed) this.onError(error, this.show);
    }
  };

  #fill(corrections, items) {
    const count = sayCount(corrections.length);
    find("kept-lead").textContent = corrections.length ? say(`kept.lead.${state.engine.kind}`, { count }) : say("kept.none");
    find("export").disabled = find("remove-all").disabled = !corrections.length;
    find("kept").replaceChildren(...items);
  }

  async #makeItem({ id, label, prediction, time }) {
    const [name, moment] = [sayLabel(label), sayTime(time)];
    const image = make("img", { alt: say("kept.picture", { label: name }) });
    image.onload = () => URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(await state.store.picture(id));
    const described = say("remove.name", { label: name, time: moment });
    const remove = make("button", { type: "button", text: say("remove.one"), "aria-label": described });
    remove.addEventListener("click", () => this.#remove(() => state.store.remove(id)));
    const read = say("kept.read", { text: prediction?.text ?? say("none") });
    return make("li", { class: "card" }, [
      image,
      make("p", { text: say("kept.label", { label: name }), class: "label" }),
      make("p", { text: `${read}, ${moment}`, class: "soft" }),
      remove,
    ]);
  }

  async #remove(act) {
    try {
      await act();
    } catch (error) {
      this.onError(error);
      return;
    }
    await this.show();
    announce(say("remove.done"));
    find("view-kept").focus();
  }

  #askToRemoveAll() {
    find("confirm-text").textContent = say("remove.ask", { count: sayCount(find("kept").childElementCount) });
    find("confirm").returnValue = "no";
    find("confirm").showModal();
  }

  #download = async () => {
    try {
      const link = make("a", { href: URL.createObjectURL(await state.store.export()), download: "corrections.zip" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_MS);
    } catch (error) {
      this.onError(error, this.#download);
    }
  };
}

function sayCount(count) {
  return count === 1 ? say("kept.count.one") : say("kept.count", { count: sayNumber(count) });
}

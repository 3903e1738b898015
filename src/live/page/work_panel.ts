import type { LiveWork } from "../messages.ts";
import { element } from "./element.ts";
import { panel } from "./panel.ts";
import { formatClock, formatCount } from "../../text/text.ts";

/** Time per hook of each callback, and per task of the Learner. */
export class WorkPanel {
  readonly root: HTMLElement;
  readonly #since = element("small", {}, "measured while the page is open");
  readonly #rows = element("tbody");

  constructor() {
    this.root = panel("work", "Time per callback", this.#since);
    const head = ["", "calls", "ms/call", "share"].map((name) => element("th", {}, name));
    this.root.append(
      element("table", {}, element("thead", {}, element("tr", {}, ...head)), this.#rows),
      element("p", { className: "note" }, "compute and evaluate include the hooks inside the step"),
    );
  }

  show({ seconds, work }: LiveWork): void {
    this.#since.textContent = `measured for ${formatClock(seconds)}`;
    this.#rows.replaceChildren(...work.map((time) => {
      const share = time.seconds / seconds;
      const bar = element("i");
      bar.style.width = `${Math.min(100, 100 * share)}%`;
      const own = time.owner === "Learner";
      const cells = [
        formatCount(time.calls),
        (1000 * time.seconds / time.calls).toFixed(3),
        `${(100 * share).toFixed(1)} %`,
      ];
      return element(
        "tr",
        { className: own ? "own" : "" },
        element("td", {}, bar, `${time.owner}.`, element("b", {}, time.work)),
        ...cells.map((text) => element("td", {}, text)),
      );
    }));
  }
}

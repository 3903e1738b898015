import type { LiveState } from "../messages.ts";
import { element } from "./element.ts";
import { formatBytes, formatClock, formatCount, formatNumber } from "../../text/text.ts";

const STATS: Record<string, (state: LiveState) => [value: string, detail: string]> = {
  Epoch: ({ epoch, epochs }) =>
    epochs ? [formatCount(Math.min(epoch + 1, epochs)), `of ${formatCount(epochs)}`] : ["–", ""],
  Batch: (
    { batch, batches },
  ) => [formatCount(batch), batches === null ? "" : `of ${formatCount(batches)}`],
  "Loss so far": ({ loss, phase }) => [loss === null ? "–" : formatNumber(loss), phase],
  "Learning rate": ({ learningRate }) => [
    learningRate === null ? "–" : formatNumber(learningRate),
    "per step",
  ],
  Speed: ({ examplesPerSecond }) => [formatCount(examplesPerSecond), "examples/s"],
  "Time left": (
    { secondsLeft, seconds },
  ) => [secondsLeft === null ? "–" : formatClock(secondsLeft), `after ${formatClock(seconds)}`],
  Tensors: ({ memory }) => [formatCount(memory.tensors), formatBytes(memory.bytes)],
  Heap: ({ memory }) => [memory.heap === null ? "–" : formatBytes(memory.heap), "JavaScript"],
};

/** The current numbers. */
export class Stats {
  readonly root = element("section", { className: "stats", ariaLabel: "Numbers" });
  readonly #cells = new Map<string, [HTMLElement, HTMLElement]>();

  constructor() {
    for (const name of Object.keys(STATS)) {
      const [value, detail] = [element("b"), element("small")];
      this.#cells.set(name, [value, detail]);
      const data = { stat: name };
      this.root.append(
        element("div", { className: "stat", data }, element("span", {}, name), value, detail),
      );
    }
  }

  show(state: LiveState): void {
    for (const [name, cells] of this.#cells) {
      STATS[name](state).forEach((text, index) => {
        if (cells[index].textContent !== text) cells[index].textContent = text;
      });
    }
  }
}

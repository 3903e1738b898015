import type { LiveState } from "../messages.ts";
import { element } from "./element.ts";
import { bytes, clock, count, number } from "./format.ts";

const STATS: Record<string, (state: LiveState) => [value: string, detail: string]> = {
  Epoch: ({ epoch, epochs }) =>
    epochs ? [count(Math.min(epoch + 1, epochs)), `of ${count(epochs)}`] : ["–", ""],
  Batch: ({ batch, batches }) => [count(batch), batches === null ? "" : `of ${count(batches)}`],
  "Loss so far": ({ loss, phase }) => [loss === null ? "–" : number(loss), phase],
  "Learning rate": ({ learningRate }) => [
    learningRate === null ? "–" : number(learningRate),
    "per step",
  ],
  Speed: ({ examplesPerSecond }) => [count(examplesPerSecond), "examples/s"],
  "Time left": ({ secondsLeft, seconds }) => [clock(secondsLeft), `after ${clock(seconds)}`],
  Tensors: ({ memory }) => [count(memory.tensors), bytes(memory.bytes)],
  Heap: ({ memory }) => [bytes(memory.heap), "JavaScript"],
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

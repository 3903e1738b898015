import type { Phase } from "../../chart/hooks.ts";
import type { LiveState } from "../messages.ts";
import { element } from "./element.ts";

type Way = NonNullable<LiveState["step"]>["way"];

/** Three dots, a dot, and the triangle of a player, each in a square of 10 units; and in words. */
const WAYS: Record<Way, readonly [path: string, words: string]> = {
  eager: ["M1 5h.01M5 5h.01M9 5h.01", "Steps are taken operation by operation"],
  recorded: ["M5 5h.01", "Steps are recorded, to be played back"],
  played: ["M2 1 9 5 2 9z", "Steps are played back from a recording"],
};

/** The states whose steps are recorded and played back, and the passes that they belong to. */
const STEPS: readonly [selector: string, phase: Phase][] = [
  ['[data-state$=".train.epoch.batch.compute"]', "train"],
  ['[data-state$=".validate.batch.evaluate"]', "validate"],
  ['[data-state$=".test.batch.evaluate"]', "test"],
];

/** Space between a sign and the edges of its state, in units of the drawing. */
const INSET = 9;

const SVG = "http://www.w3.org/2000/svg";

/** Shows how steps are taken: by signs in the drawing of the chart, and in words with the reason. */
export class StepSigns {
  readonly root = element("p", { className: "note step" });
  readonly #signs: { readonly phase: Phase; readonly path: SVGPathElement }[] = [];
  readonly #legend = signOf();
  readonly #text = element("span");

  /** @param svg The drawing, in which each state has its path in `data-state`. */
  constructor(svg: SVGSVGElement) {
    for (const [selector, phase] of STEPS) {
      for (const state of svg.querySelectorAll(selector)) {
        const box = state.querySelector("rect")!;
        const [x, y, width] = ["x", "y", "width"].map((name) => Number(box.getAttribute(name)));
        const path = signOf();
        path.setAttribute("transform", `translate(${x + width - 10 - INSET} ${y + INSET})`);
        state.append(path);
        this.#signs.push({ phase, path });
      }
    }
    const legend = document.createElementNS(SVG, "svg");
    legend.setAttribute("viewBox", "0 0 10 10");
    legend.append(this.#legend);
    this.root.append(legend, this.#text);
    this.root.hidden = true;
  }

  show({ step, phase }: Pick<LiveState, "step" | "phase">): void {
    this.root.hidden = !step;
    if (!step) return;
    const { way, reason } = step;
    for (const sign of this.#signs) if (sign.phase === phase) draw(sign.path, way);
    draw(this.#legend, way);
    const text = WAYS[way][1] + (reason === undefined ? "" : `, as ${reason}`);
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}

function signOf(): SVGPathElement {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", "sign");
  return path;
}

function draw(path: SVGPathElement, way: Way): void {
  if (path.dataset.way === way) return;
  path.dataset.way = way;
  path.setAttribute("d", WAYS[way][0]);
}

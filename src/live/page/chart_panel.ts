import type { LiveState } from "../messages.ts";
import { element } from "./element.ts";
import { panel } from "./panel.ts";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Duration of a move of the view, in ms. */
const MOVE_DURATION = 350;
/** Delay before the view follows the run to another state, in ms. */
const FOLLOW_DELAY = 500;
/** Margin around the state in view, in units of the drawing. */
const MARGIN = 24;
/** Minimum width of the view, in units of the drawing. */
const MIN_WIDTH = 560;

/** The chart, with the active states lit; it shows the part where the run is, or the whole chart. */
export class ChartPanel {
  readonly root: HTMLElement;
  readonly #svg: SVGSVGElement;
  readonly #states = new Map<string, SVGGElement>();
  readonly #whole = element("input", { type: "checkbox" });
  readonly #size: { width: number; height: number };
  #turning: ReturnType<typeof setTimeout> | undefined;
  #focus = "learner";
  #box: Box;

  /** @param drawing SVG of the chart, in which each state has its path in `data-state`. */
  constructor(drawing: string) {
    const holder = element("div", { className: "drawing" });
    holder.innerHTML = drawing;
    this.#svg = holder.querySelector("svg")!;
    const { width, height } = this.#svg.viewBox.baseVal;
    this.#size = { width, height };
    this.#box = { x: 0, y: 0, width, height };
    for (const state of this.#svg.querySelectorAll<SVGGElement>("[data-state]")) {
      this.#states.set(state.dataset.state!, state);
    }
    this.#whole.onchange = () => this.#look();
    this.root = panel(
      "chart",
      "Where the run is",
      element("label", {}, this.#whole, "whole chart"),
    );
    this.root.append(holder);
    new ResizeObserver(() => this.#look()).observe(holder);
  }

  show({ active, visited }: LiveState): void {
    // A run passes through its states far faster than anyone can see.
    const lit = new Set([...active, ...visited]);
    for (const [name, state] of this.#states) state.classList.toggle("active", lit.has(name));
    const focus = this.#focusOf(active);
    if (focus === this.#focus) return;
    this.#focus = focus;
    clearTimeout(this.#turning);
    this.#turning = setTimeout(() => this.#look(), FOLLOW_DELAY);
  }

  /** The active pass; without one, the innermost active state. */
  #focusOf(active: readonly string[]): string {
    const drawn = active.filter((name) => this.#states.has(name));
    return drawn.find((name) => name.endsWith(".epoch")) ?? drawn.at(-1) ?? "learner";
  }

  #look(): void {
    const { width, height } = this.#svg.getBoundingClientRect();
    const state = this.#states.get(this.#whole.checked ? "learner" : this.#focus);
    if (!state || width === 0) return;
    const box = state.querySelector("rect")!.getBBox();
    // As wide as the state needs, with the proportions of the panel, from the top of the state.
    const wide = Math.max(box.width + 2 * MARGIN, MIN_WIDTH, width);
    const tall = this.#whole.checked ? box.height + 2 * MARGIN : wide * height / width;
    const above = Math.min(Math.max(MARGIN, (tall - box.height) / 2), 3 * MARGIN);
    this.#glide({
      x: within(box.x + (box.width - wide) / 2, wide, this.#size.width),
      y: within(box.y - above, tall, this.#size.height),
      width: wide,
      height: tall,
    });
  }

  #glide(to: Box): void {
    const from = this.#box;
    const began = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#box = to;
    const move = () => {
      if (this.#box !== to) return;
      const part = still ? 1 : Math.min(1, (performance.now() - began) / MOVE_DURATION);
      const eased = part * part * (3 - 2 * part);
      const box = (["x", "y", "width", "height"] as const)
        .map((side) => from[side] + eased * (to[side] - from[side]));
      this.#svg.setAttribute("viewBox", box.join(" "));
      if (part < 1) requestAnimationFrame(move);
    };
    move();
  }
}

/** Start of a view that stays inside the drawing; one that is larger is centred. */
function within(start: number, size: number, all: number): number {
  return size >= all ? (all - size) / 2 : Math.min(Math.max(start, 0), all - size);
}

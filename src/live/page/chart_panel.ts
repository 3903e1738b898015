import type { LiveState } from "../messages.ts";
import { element } from "./element.ts";
import { panel } from "./panel.ts";
import { StepSigns } from "./step_signs.ts";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Duration of a move of the view, in ms. */
const MOVE_DURATION = 350;
/** Time between two moves of the view to another state, in ms. */
const FOLLOW_INTERVAL = 500;
/** Margin around the state in view, in units of the drawing. */
const MARGIN = 12;
/** The state of the whole machine. */
const ROOT = "learner";
/** Light of a state that takes all of the time: dark text can still be read on it. */
const MAX_LIGHT = 0.65;
/** The parts of the drawing. */
const PARTS = ":scope > :is(g, path, rect, circle, text)";

/**
 * The chart. Each state is lit by the share of time that the run spends in it. The view shows the
 * compound state in which the run is, and nothing around it; or the whole chart.
 */
export class ChartPanel {
  readonly root: HTMLElement;
  readonly #holder = element("div", { className: "drawing" });
  readonly #svg: SVGSVGElement;
  readonly #states = new Map<string, SVGGElement>();
  readonly #signs: StepSigns;
  readonly #whole = element("input", { type: "checkbox" });
  readonly #path = element("span", { className: "path" });
  /** All parts of the drawing with their boxes; it takes a layout to know them. */
  #parts: [SVGGraphicsElement, Box][] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Number of messages since the view followed, by focus and inner state. */
  readonly #votes = new Map<string, number>();
  /** The state in view, and the state inside it where the run is. */
  #focus = ROOT;
  #inner = "";
  #box: Box;

  /** @param drawing SVG of the chart, in which each state has its path in `data-state`. */
  constructor(drawing: string) {
    this.#holder.innerHTML = drawing;
    this.#svg = this.#holder.querySelector("svg")!;
    this.#svg.setAttribute("preserveAspectRatio", "xMidYMin");
    const { width, height } = this.#svg.viewBox.baseVal;
    this.#box = { x: 0, y: 0, width, height };
    for (const state of this.#svg.querySelectorAll<SVGGElement>("[data-state]")) {
      this.#states.set(state.dataset.state!, state);
    }
    this.#whole.onchange = () => {
      this.#moveView();
      this.#scroll();
    };
    this.root = panel(
      "chart",
      "Where the run is",
      this.#path,
      element("label", {}, this.#whole, "whole chart"),
    );
    this.#signs = new StepSigns(this.#svg);
    this.root.append(this.#holder, this.#signs.root);
    new ResizeObserver(() => this.#moveView()).observe(this.#holder);
  }

  show(
    { step, phase, active, shares, status }: Pick<
      LiveState,
      "step" | "phase" | "active" | "shares" | "status"
    >,
  ): void {
    this.#signs.show({ step, phase });
    const measured = Object.keys(shares).length > 0;
    for (const [path, state] of this.#states) {
      // By the root of the share, a state with a hundredth of the time can be seen.
      const light = measured
        ? (MAX_LIGHT * Math.sqrt(shares[path] ?? 0)).toFixed(2)
        : String(Number(active.includes(path)));
      if (state.style.getPropertyValue("--light") === light) continue;
      state.style.setProperty("--light", light);
      state.classList.toggle("active", Number(light) > 0);
      state.classList.toggle("bright", light === "1");
    }
    const drawn = active.filter((path) => this.#states.has(path));
    const compound = drawn.filter((path) => this.#states.get(path)!.matches(".parent"));
    // The pass in progress; without one, the innermost active state that has states inside.
    const focus = compound.find((path) => path.endsWith(".epoch")) ?? compound.at(-1) ?? ROOT;
    const inner = drawn[drawn.indexOf(focus) + 1] ?? "";
    // A run may go in and out of states faster than the view should: most of the messages decide.
    if (status !== "running") this.#votes.clear();
    const place = [focus, inner].join(" ");
    this.#votes.set(place, (this.#votes.get(place) ?? 0) + 1);
    this.#timer ??= setTimeout(() => this.#follow(), FOLLOW_INTERVAL);
  }

  #follow(): void {
    this.#timer = undefined;
    const [[place]] = [...this.#votes].sort(([, a], [, b]) => b - a);
    this.#votes.clear();
    const before = [this.#focus, this.#inner].join(" ");
    [this.#focus, this.#inner] = place.split(" ");
    if (place !== before) this.#moveView();
  }

  #moveView(): void {
    const place = this.#holder.getBoundingClientRect();
    if (place.width === 0) return;
    const whole = this.#whole.checked;
    const path = whole ? ROOT : this.#focus;
    const focus = boxOf(this.#states.get(path)!);
    this.#path.textContent = path.split(".").join(" › ");
    this.#holder.classList.toggle("whole", whole);
    this.#parts ??= [...this.#svg.querySelectorAll<SVGGraphicsElement>(PARTS)]
      .map((part) => [part, boxOf(part)]);
    for (const [part, box] of this.#parts) {
      part.classList.toggle("outside", !contains(focus, box));
    }
    const width = focus.width + 2 * MARGIN;
    const height = focus.height + 2 * MARGIN;
    const visible = whole ? height : Math.min(height, width * place.height / place.width);
    const top = focus.y - MARGIN;
    const lowest = top + height - visible;
    const inner = this.#states.get(this.#inner);
    const box = inner && boxOf(inner);
    const hidden = box && box.y + box.height > top + visible;
    const y = hidden ? Math.min(lowest, box.y - MARGIN) : top;
    this.#holder.classList.toggle("more-above", y > top);
    this.#holder.classList.toggle("more-below", y < lowest);
    this.#animate({ x: focus.x - MARGIN, y, width, height: visible });
  }

  /** Scrolls the whole chart to the state where the run is. */
  #scroll(): void {
    const { left, top, width, height } = this.#holder.getBoundingClientRect();
    // Not before the view has arrived there.
    setTimeout(() => {
      const box = this.#states.get(this.#focus)!.getBoundingClientRect();
      this.#holder.scrollBy({
        left: box.left - left - Math.max(0, width - box.width) / 2,
        top: box.top - top - Math.max(0, height - box.height) / 2,
        behavior: "smooth",
      });
    }, MOVE_DURATION);
  }

  #animate(to: Box): void {
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

/** The box of a part of the drawing; of a state, the box without the text that it may hold. */
function boxOf(part: SVGGraphicsElement): Box {
  return (part.querySelector("rect") ?? part).getBBox();
}

/** Whether a box lies in another, which may share its edges. */
function contains(outer: Box, { x, y, width, height }: Box): boolean {
  const slack = 1;
  return x >= outer.x - slack && y >= outer.y - slack &&
    x + width <= outer.x + outer.width + slack && y + height <= outer.y + outer.height + slack;
}

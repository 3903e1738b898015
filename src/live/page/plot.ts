import { uPlot } from "../../deps/uplot.ts";
import { element } from "./element.ts";
import { formatNumber } from "../../text/text.ts";

/** A line of a plot. */
export interface Line {
  readonly label: string;
  /** CSS variable of the colour: `"--train"`. */
  readonly colour: string;
  readonly width: number;
  /** Whether to draw the points. */
  readonly points?: boolean;
  readonly dash?: number[];
}

/** Minimum time between two drawings, in ms. */
const INTERVAL = 120;

/** Curves over batches, in the colours of the page, as wide as its container. */
export class Plot {
  readonly root = element("div", { className: "plot" });
  readonly #lines: readonly Line[];
  readonly #height: number;
  #plot: uPlot | undefined;
  #data: uPlot.AlignedData = [[]];
  #logarithmic = false;
  #due: ReturnType<typeof setTimeout> | undefined;

  constructor(lines: readonly Line[], height: number) {
    this.#lines = lines;
    this.#height = height;
    this.#data = [[], ...lines.map(() => [])];
    new ResizeObserver(() => this.#resize()).observe(this.root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#rebuild());
  }

  /** @param data Steps, then the values of each line: `null` is a gap, `undefined` is skipped. */
  draw(data: uPlot.AlignedData, logarithmic = false): void {
    this.#data = data;
    if (logarithmic !== this.#logarithmic) {
      this.#logarithmic = logarithmic;
      this.#rebuild();
    }
    this.#due ??= setTimeout(() => {
      this.#due = undefined;
      this.#plot?.setData(this.#data);
    }, INTERVAL);
  }

  #resize(): void {
    const width = this.root.clientWidth;
    if (width === 0) return;
    if (this.#plot) this.#plot.setSize({ width, height: this.#height });
    else this.#rebuild();
  }

  #rebuild(): void {
    const width = this.root.clientWidth;
    this.#plot?.destroy();
    this.#plot = undefined;
    if (width === 0) return;
    const axis = {
      stroke: colour("--soft"),
      font: `11px ${colour("--font")}`,
      grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1, size: 4 },
      gap: 4,
    };
    this.#plot = new uPlot(
      {
        width,
        height: this.#height,
        padding: [8, 18, 0, 0],
        scales: { x: { time: false }, y: { distr: this.#logarithmic ? 3 : 1, log: 10 } },
        axes: [
          { ...axis, size: 28, values: (_, ticks) => ticks.map(short) },
          {
            ...axis,
            size: 52,
            values: (_, ticks) => ticks.map((tick) => tick === null ? "" : formatNumber(tick)),
          },
        ],
        cursor: { points: { size: 6 }, y: false },
        legend: {
          markers: { fill: (_, index) => colour(this.#lines[index - 1]?.colour ?? "--soft") },
        },
        series: [
          { label: "batch", value: (_, value) => value === null ? "–" : String(value) },
          ...this.#lines.map((line): uPlot.Series => ({
            label: line.label,
            stroke: colour(line.colour),
            width: line.width,
            dash: line.dash,
            points: { show: line.points ?? false, size: 5, fill: colour(line.colour) },
            value: (_, value) => typeof value === "number" ? formatNumber(value) : "–",
          })),
        ],
      },
      this.#data,
      this.root,
    );
  }
}

function colour(name: string): string {
  const probe = element("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  const raw = getComputedStyle(probe).getPropertyValue(name);
  probe.remove();
  return name === "--font" ? raw : color;
}

/** Formats a tick: `12k`. */
function short(value: number): string {
  if (Math.abs(value) < 10_000) return Number.isInteger(value) ? String(value) : "";
  return Math.abs(value) < 1e6 ? `${value / 1e3}k` : `${value / 1e6}M`;
}

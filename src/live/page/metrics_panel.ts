import { uPlot } from "../../deps/uplot.ts";
import type { Curves } from "./curves.ts";
import { element } from "./element.ts";
import { panel } from "./panel.ts";
import { Plot } from "./plot.ts";

const HEIGHT = 150;

/** A small plot for each metric, and one for the learning rate. */
export class MetricsPanel {
  readonly root = panel("metrics", "Metrics");
  readonly #grid = element("div", { className: "small-plots" });
  readonly #rate = new Plot([{ label: "per step", colour: "--rate", width: 1.5 }], HEIGHT);
  readonly #metrics = new Map<string, { plot: Plot; figure: HTMLElement }>();

  constructor() {
    this.#grid.append(figure("learning rate", this.#rate));
    this.root.append(this.#grid);
  }

  show(curves: Curves): void {
    this.#rate.draw(curves.line("batches", "rate") as uPlot.AlignedData);
    const names = curves.metrics;
    for (const [name, { figure }] of this.#metrics) {
      if (names.includes(name)) continue;
      figure.remove();
      this.#metrics.delete(name);
    }
    for (const name of names) {
      this.#plotOf(name).draw(uPlot.join([
        curves.line("epochs", `train.${name}`) as uPlot.AlignedData,
        curves.line("validations", `validation.${name}`) as uPlot.AlignedData,
      ]));
    }
  }

  #plotOf(name: string): Plot {
    const known = this.#metrics.get(name);
    if (known) return known.plot;
    const plot = new Plot([
      { label: "train", colour: "--train", width: 2, points: true },
      { label: "validation", colour: "--validation", width: 2, points: true },
    ], HEIGHT);
    const made = figure(name, plot);
    this.#metrics.set(name, { plot, figure: made });
    this.#grid.lastElementChild!.before(made);
    return plot;
  }
}

function figure(name: string, plot: Plot): HTMLElement {
  return element("figure", {}, element("figcaption", {}, name), plot.root);
}

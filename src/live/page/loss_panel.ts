import { uPlot } from "../../deps/uplot.ts";
import type { Curves } from "./curves.ts";
import { element } from "./element.ts";
import { panel } from "./panel.ts";
import { formatCount } from "../../text/text.ts";
import { Plot } from "./plot.ts";
import { smooth } from "./smooth.ts";

/** The loss per batch, raw and smoothed, and its means per epoch and validation. */
export class LossPanel {
  readonly root: HTMLElement;
  readonly #plot = new Plot([
    { label: "raw", colour: "--raw", width: 1 },
    { label: "smoothed", colour: "--train", width: 2 },
    { label: "epoch mean", colour: "--train", width: 1, points: true, dash: [4, 4] },
    { label: "validation", colour: "--validation", width: 2, points: true },
  ], 300);
  readonly #logarithmic = element("input", { type: "checkbox" });
  readonly #raw = element("input", { type: "checkbox", checked: true });
  readonly #smoothing = element("input", {
    type: "range",
    min: "0",
    max: "0.99",
    step: "0.01",
    value: "0.9",
    ariaLabel: "Smoothing",
  });
  readonly #note = element("p", { className: "note" });
  #curves: Curves | undefined;

  constructor() {
    for (const input of [this.#logarithmic, this.#raw, this.#smoothing]) {
      input.oninput = () => this.#curves && this.show(this.#curves);
    }
    this.root = panel(
      "loss",
      "Loss",
      element("label", {}, this.#raw, "raw"),
      element("label", {}, "smoothing", this.#smoothing),
      element("label", {}, this.#logarithmic, "log"),
    );
    this.root.append(this.#plot.root, this.#note);
  }

  show(curves: Curves): void {
    this.#curves = curves;
    const logarithmic = this.#logarithmic.checked;
    const shown = (values: (number | null)[]) =>
      logarithmic ? values.map((value) => value !== null && value > 0 ? value : null) : values;
    const [steps, raw] = curves.line("batches", "loss");
    const smoothed = smooth(raw, Number(this.#smoothing.value));
    const [epochs, train] = curves.line("epochs", "train.loss");
    const [validations, validation] = curves.line("validations", "validation.loss");
    const none = raw.map(() => undefined);
    const data = uPlot.join([
      [steps, this.#raw.checked ? shown(raw) : none, shown(smoothed)] as uPlot.AlignedData,
      [epochs, shown(train)],
      [validations, shown(validation)],
    ]);
    this.#plot.draw(data, logarithmic);
    this.#note.textContent = noteOf(curves, raw, logarithmic);
  }
}

/** Says what the curve leaves out. */
function noteOf(
  { series: { batches } }: Curves,
  raw: readonly (number | null)[],
  logarithmic: boolean,
): string {
  const { points: { length }, total, stride } = batches;
  const gaps = raw.filter((value) => value === null).length;
  const hidden = logarithmic ? raw.filter((value) => value !== null && value <= 0).length : 0;
  return [
    stride > 1
      ? `${formatCount(length)} of ${formatCount(total)} batches: one in ${stride}, none averaged`
      : `each of ${formatCount(total)} batches`,
    ...gaps > 0 ? [`${formatCount(gaps)} not finite`] : [],
    ...hidden > 0 ? [`${formatCount(hidden)} not positive, not on a log axis`] : [],
  ].join(" · ");
}

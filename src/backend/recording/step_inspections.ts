import type { tf } from "../../deps/tfjs.ts";
import type { Inspection, WeightRule } from "./recording.ts";

/** The inspections of a recorded step, and the weights of losses that follow from them. */
export class StepInspections {
  /** The inspections, in their order. */
  readonly all: Inspection[] = [];
  readonly #refuse: (reason: string) => void;
  readonly #rules = new WeakMap<tf.Tensor, WeightRule>();
  /** Indices of the inspections whose weight a loss has taken. */
  readonly #weighed = new Set<number>();

  /** @param refuse Called with the reason why the step cannot be played back. */
  constructor(refuse: (reason: string) => void) {
    this.#refuse = refuse;
  }

  /** A loss was weighed; `parts` are the losses whose common weight it takes. */
  weighs(loss: tf.Tensor, weight: number | undefined, parts?: readonly tf.Tensor[]): void {
    const rule = parts
      ? { common: parts.map((part) => this.weightOf(part)) }
      : this.#ruleOf(weight);
    this.#rules.set(loss, rule);
  }

  /** A loss inspects elements, then weighs what it returns: each inspection weighs one loss. */
  #ruleOf(weight: number | undefined): WeightRule {
    const found = this.all.flatMap((facts, inspection) =>
      facts.weight === undefined ? [] : [{ inspection, weight: facts.weight }]
    );
    if (found.length === 0) return { constant: weight };
    const { inspection } =
      found.find((facts) => facts.weight === weight && !this.#weighed.has(facts.inspection)) ??
        found[0];
    const isKnown = found.length === 1 || !this.#weighed.has(inspection);
    if (!isKnown || this.all[inspection].weight !== weight) {
      this.#refuse("the loss computes its own weight");
    }
    this.#weighed.add(inspection);
    return { inspection };
  }

  /** The weight of a loss. */
  weightOf(loss: tf.Tensor | undefined): WeightRule {
    return loss && this.#rules.get(loss) || { constant: undefined };
  }
}

import { tf } from "../deps/tfjs.ts";
import { learningRateOf, setLearningRate } from "./optimizer_state.ts";

/** A part of a model, with an optimizer of its own. */
export interface OptimizedPart {
  /** The optimizer of the part. */
  readonly optimizer: tf.Optimizer;
  /** Returns the variables of the part, which may be built later. */
  variables(): readonly tf.Variable[];
}

/** Updates each part of a model by an optimizer of its own, from the gradients of one loss. */
export class PartedOptimizer extends tf.Optimizer {
  /** The parts, by name. */
  readonly parts: Readonly<Record<string, OptimizedPart>>;

  /** @param parts The parts, by name; at least one. */
  constructor(parts: Readonly<Record<string, OptimizedPart>>) {
    super();
    this.parts = parts;
  }

  /** The name of the class. */
  static get className(): string {
    return "TrainchartParted";
  }

  /** The learning rate of the first part. */
  get learningRate(): number {
    return learningRateOf(Object.values(this.parts)[0].optimizer);
  }

  /** Sets the learning rate of all parts. */
  setLearningRate(rate: number): void {
    for (const { optimizer } of Object.values(this.parts)) setLearningRate(optimizer, rate);
  }

  /**
   * Updates the variables.
   *
   * @param gradients The gradients, by name, or as a list in which frozen weights leave gaps.
   */
  override applyGradients(
    gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor }[],
  ): void {
    const list = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    for (const { optimizer, variables } of Object.values(this.parts)) {
      const names = new Set(variables().map(({ name }) => name));
      const own = list.filter(({ name }) => names.has(name));
      if (own.some(({ tensor }) => tensor)) optimizer.applyGradients(own);
    }
  }

  /** Disposes all optimizers. */
  override dispose(): void {
    for (const { optimizer } of Object.values(this.parts)) optimizer.dispose();
    super.dispose();
  }

  /** Returns no settings: they are those of the parts. */
  getConfig(): tf.serialization.ConfigDict {
    return {};
  }
}

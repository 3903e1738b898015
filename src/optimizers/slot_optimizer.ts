/**
 * What all of our optimizers have in common.
 *
 * @module
 */
import { runInPlace } from "../tensors/run_in_place.ts";
import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/describe_value.ts";

/** Variables that are trained differently, chosen by name. */
export interface ParameterGroup {
  /** The names: a pattern, or a part of the name. The first group that matches counts. */
  match: RegExp | string;
  /** Multiplies the learning rate, >= 0. Default: 1. */
  learningRateFactor?: number;
  /** Replaces the optimizer's weight decay, >= 0. */
  weightDecay?: number;
}

/** Options that all of our optimizers take. */
export interface OptimizerOptions {
  /** Pulls weights towards zero, >= 0. Default: 0, for `adamW` 0.01. */
  weightDecay?: number;
  /** Variables with a learning rate or weight decay of their own. Default: none. */
  groups?: ParameterGroup[];
}

/** The numbers of one update of one variable. */
export type UpdateAttributes = Record<string, number>;

/** What is remembered of one variable. */
interface Memory {
  /** Updates of this variable so far. */
  step: number;
  /** Slots, such as moments, in the order of `slotNames`. */
  slots: tf.Tensor[];
}

/**
 * An optimizer that keeps what it remembers (*slots*) by variable name.
 *
 * So variables may be frozen and unfrozen, come in any order and be restored into another process.
 * Each variable counts its own updates: one that is unfrozen late starts with a fresh bias
 * correction. On backends with a fused kernel for the update, one pass computes it; elsewhere the
 * same formula is composed of tfjs operations.
 */
export abstract class SlotOptimizer extends tf.Optimizer {
  /** Whether a value is one: TensorFlow.js would take any optimizer for an instance of any class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** The names of the slots of each variable. */
  protected abstract readonly slotNames: string[];
  /** The name of the fused kernel. */
  protected abstract readonly kernelName: string;
  readonly #memories = new Map<string, Memory>();
  readonly #options: OptimizerOptions;
  #learningRate = 0;

  /**
   * Checks the numbers.
   *
   * @param learningRate Per step, >= 0.
   * @param options Weight decay and groups, and what the subclass adds.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(learningRate: number, options: OptimizerOptions = {}) {
    super();
    this.learningRate = learningRate;
    this.#options = options;
    atLeastZero("weightDecay", options.weightDecay ?? 0);
    for (const { learningRateFactor, weightDecay } of options.groups ?? []) {
      atLeastZero("learningRateFactor", learningRateFactor ?? 1);
      atLeastZero("weightDecay", weightDecay ?? 0);
    }
  }

  /** The learning rate, per step. May be changed at any time. */
  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(rate: number) {
    this.#learningRate = atLeastZero("learningRate", rate);
  }

  /** How many numbers are remembered for each one that is trained. */
  get slotCount(): number {
    return this.slotNames.length;
  }

  /** The numbers that the update number `step` (from 1) needs. */
  protected abstract attributes(step: number, learningRate: number): UpdateAttributes;

  /** The update, composed of tfjs operations: the new value, then the new slots. */
  protected abstract compose(
    value: tf.Tensor,
    gradient: tf.Tensor,
    slots: tf.Tensor[],
    attributes: UpdateAttributes,
  ): tf.Tensor[];

  /** Updates the variables that have a gradient; the others, and their slots, stay as they are. */
  override applyGradients(
    gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor }[],
  ): void {
    const entries: [string, tf.Tensor | null][] = Array.isArray(gradients)
      ? gradients.map(({ name, tensor }) => [name, tensor])
      : Object.entries(gradients);
    for (const [name, gradient] of entries) {
      if (gradient) this.#update(name, gradient);
    }
    this.incrementIterations();
  }

  #update(name: string, gradient: tf.Tensor): void {
    const value = tf.engine().registeredVariables[name];
    if (!value) {
      throw new TypeError(
        `Cannot apply gradients as each needs a variable of its name: there is none called ${name}`,
      );
    }
    const memory = this.#memory(name, value);
    const group = this.#options.groups?.find(({ match }) =>
      typeof match === "string" ? name.includes(match) : match.test(name)
    );
    const rate = this.#learningRate * (group?.learningRateFactor ?? 1);
    const attributes = {
      ...this.attributes(++memory.step, rate),
      weightDecay: group?.weightDecay ?? this.#options.weightDecay ?? 0,
    };
    const slots = Object.fromEntries(this.slotNames.map((slot, i) => [slot, memory.slots[i]]));
    const [updated, ...updatedSlots] =
      runInPlace(this.kernelName, { value, gradient, ...slots }, attributes) ??
        tf.tidy(() => this.compose(value, gradient, memory.slots, attributes));
    if (updated !== value) {
      value.assign(updated);
      updated.dispose();
    }
    memory.slots = updatedSlots.map((slot, i) => {
      if (slot === memory.slots[i]) return slot;
      memory.slots[i].dispose();
      return tf.keep(slot);
    });
  }

  #memory(name: string, value: tf.Tensor): Memory {
    let memory = this.#memories.get(name);
    if (!memory) {
      memory = { step: 0, slots: this.slotNames.map(() => tf.keep(tf.zerosLike(value))) };
      this.#memories.set(name, memory);
    }
    return memory;
  }

  /**
   * All that the optimizer remembers: `iterations`, and for each variable its `<name>/step` and its
   * slots, such as `<name>/m`. The caller disposes the tensors.
   */
  state(): tf.NamedTensorMap {
    const state: tf.NamedTensorMap = { iterations: tf.scalar(this.iterations, "int32") };
    for (const [name, { step, slots }] of this.#memories) {
      state[`${name}/step`] = tf.scalar(step, "int32");
      slots.forEach((slot, i) => state[`${name}/${this.slotNames[i]}`] = slot.clone());
    }
    return state;
  }

  /**
   * Replaces all that the optimizer remembers by what {@linkcode SlotOptimizer.state} returned.
   *
   * @param state The tensors by name; they stay the caller's.
   * @throws {TypeError} If a slot is missing.
   */
  restore(state: tf.NamedTensorMap): void {
    const take = (key: string): tf.Tensor => {
      if (state[key]) return state[key];
      throw new TypeError(`Cannot restore an optimizer as its state must have ${key}: it has none`);
    };
    const memories = Object.keys(state).filter((key) => key.endsWith("/step")).map((key) => {
      const name = key.slice(0, -"/step".length);
      const slots = this.slotNames.map((slot) => take(`${name}/${slot}`));
      return { name, step: state[key].dataSync()[0], slots };
    });
    const iterations = take("iterations").dataSync()[0];
    this.#forget();
    this.iterations_ = iterations;
    for (const { name, step, slots } of memories) {
      this.#memories.set(name, { step, slots: slots.map((slot) => tf.keep(slot.clone())) });
    }
  }

  /** {@linkcode SlotOptimizer.state} as the list that tfjs saves with a model. */
  override getWeights(): Promise<{ name: string; tensor: tf.Tensor }[]> {
    return Promise.resolve(
      Object.entries(this.state()).map(([name, tensor]) => ({ name, tensor })),
    );
  }

  /** Restores what {@linkcode SlotOptimizer.getWeights} returned; the tensors stay the caller's. */
  override setWeights(weights: { name: string; tensor: tf.Tensor }[]): Promise<void> {
    this.restore(Object.fromEntries(weights.map(({ name, tensor }) => [name, tensor])));
    return Promise.resolve();
  }

  /** Disposes all slots. */
  override dispose(): void {
    this.#forget();
  }

  /** What rebuilds this optimizer, without its slots and groups. */
  override getConfig(): tf.serialization.ConfigDict {
    const { groups: _, ...options } = this.#options;
    return { ...options, learningRate: this.#learningRate } as tf.serialization.ConfigDict;
  }

  /** Rebuilds an optimizer from what {@linkcode SlotOptimizer.getConfig} returned. */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: new (learningRate: number, options: OptimizerOptions) => T,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(config.learningRate as number, config as OptimizerOptions);
  }

  #forget(): void {
    for (const { slots } of this.#memories.values()) tf.dispose(slots);
    this.#memories.clear();
  }
}

function atLeastZero(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(
    `Cannot build an optimizer as ${name} must be a number >= 0: current value is ${
      describeValue(value)
    }`,
  );
}

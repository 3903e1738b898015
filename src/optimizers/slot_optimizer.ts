/**
 * The base class of `adam`, `adamW`, `sgd` and `rmsprop`.
 *
 * @module
 */
import { runInPlace } from "../tensors/tensor_memory.ts";
import { tf } from "../deps/tfjs.ts";
import { checkNumber } from "../checks/check_options.ts";
import { type ParameterGroup, ParameterGroups } from "./parameter_groups.ts";

const ACTION = "build an optimizer";

/**
 * Options that all optimizers of this package have.
 *
 * @category Optimizers
 */
export interface OptimizerOptions {
  /** Pulls weights towards zero, >= 0. Default: 0, for `adamW` 0.01. */
  weightDecay?: number;
  /** Variables with a learning rate or weight decay of their own. Default: none. */
  groups?: ParameterGroup[];
}

/**
 * The numbers of one update of one variable.
 *
 * @category Optimizers
 */
export type UpdateAttributes = Record<string, number>;

/** The state of one variable. */
interface Memory {
  /** Number of updates of the variable so far. */
  step: number;
  /** The slots, such as moments, in the order of `slotNames`. */
  slots: tf.Tensor[];
}

/**
 * Returns the variable of a gradient.
 *
 * @throws {TypeError} If it is missing, or has another shape: a kernel would read past the gradient.
 */
export function variableOf(
  name: string,
  { shape, dtype, isDisposed }: tf.TensorInfo & { readonly isDisposed?: boolean },
): tf.Variable {
  if (isDisposed) {
    throw new TypeError(
      `Cannot apply gradients as that of ${name} must be alive: it is disposed. The Learner disposes ` +
        "gradients after their batch",
    );
  }
  const value = tf.engine().registeredVariables[name];
  if (!value) {
    throw new TypeError(
      `Cannot apply gradients as each must have the name of a variable: there is no ${name}`,
    );
  }
  if (dtype === "float32" && tf.util.arraysEqual(shape, value.shape)) return value;
  throw new TypeError(
    `Cannot apply gradients as that of ${name} must be [${value.shape}] float32: ` +
      `current value is [${shape}] ${dtype}`,
  );
}

/**
 * Whether {@linkcode updateFrom} can update variables: it needs one of our optimizers, as it is, and its
 * kernel.
 */
export let canUpdateFrom: (optimizer: tf.Optimizer) => boolean;

/**
 * Updates variables by gradients that are no tensors.
 *
 * @param optimizer The optimizer.
 * @param gradients The elements of each gradient, by the name of its variable.
 */
export let updateFrom: (
  optimizer: SlotOptimizer,
  gradients: ReadonlyMap<string, tf.TensorInfo>,
) => void;

/** Variables that are updated together. */
interface JointUpdate {
  /** The numbers of the update, which all of them share. */
  attributes: UpdateAttributes | undefined;
  readonly memories: Memory[];
  /** The value, the gradient and the slots of each variable. */
  readonly inputs: (tf.Tensor | tf.TensorInfo)[];
}

/** The numbers of the last update, which most variables of a step share. */
interface LastUpdate {
  readonly step: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly attributes: UpdateAttributes;
}

/**
 * An optimizer that keeps its state (*slots*) by variable name.
 *
 * So variables may be frozen and unfrozen, come in any order, and be restored in another process.
 * Each variable counts its own updates: one that is unfrozen late starts with a fresh bias
 * correction. Backends with a fused kernel compute an update in one pass; elsewhere the same formula
 * is composed of tfjs operations.
 *
 * @category Optimizers
 */
export abstract class SlotOptimizer extends tf.Optimizer {
  /** For TensorFlow.js, any optimizer is an instance of any optimizer class; not so here. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  static {
    canUpdateFrom = (optimizer) =>
      optimizer instanceof SlotOptimizer &&
      optimizer.applyGradients === SlotOptimizer.prototype.applyGradients &&
      tf.getKernel(optimizer.kernelName, tf.getBackend()) !== undefined;
    updateFrom = (optimizer, gradients) =>
      optimizer.#apply((add) => gradients.forEach((gradient, name) => add(name, gradient)));
  }

  /** The names of the slots of each variable. */
  protected abstract readonly slotNames: string[];
  /** The name of the fused kernel. */
  protected abstract readonly kernelName: string;
  readonly #memories = new Map<string, Memory>();
  readonly #options: OptimizerOptions;
  #groups: ParameterGroups;
  #learningRate = 0;
  #last: LastUpdate | undefined;

  /**
   * Checks the learning rate, the weight decay and the groups.
   *
   * @param learningRate The rate per step, >= 0.
   * @param options Weight decay and groups; the options of a subclass are not checked.
   * @throws {TypeError} If an option of a group is unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(learningRate: number, options: OptimizerOptions = {}) {
    super();
    this.#learningRate = checkNumber(ACTION, "learningRate", learningRate, { min: 0 });
    this.#options = options;
    checkNumber(ACTION, "weightDecay", options.weightDecay ?? 0, { min: 0 });
    this.#groups = new ParameterGroups(ACTION, options.groups ?? []);
  }

  /** The learning rate, per step. May be changed at any time. */
  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(rate: number) {
    this.#learningRate = checkNumber("set the learning rate", "learningRate", rate, { min: 0 });
  }

  /** Variables with a learning rate or weight decay of their own. May be changed at any time. */
  get groups(): readonly ParameterGroup[] {
    return this.#groups.list;
  }

  set groups(groups: readonly ParameterGroup[]) {
    this.#groups = new ParameterGroups("set the groups of an optimizer", groups);
  }

  /** Number of slots of each variable. */
  get slotCount(): number {
    return this.slotNames.length;
  }

  /**
   * Checks that each group matches a variable. The Learner does so before a training; otherwise the
   * first update does so, among all variables that exist.
   *
   * @param variables The names of the variables of the model.
   * @throws {RangeError} If a group matches none.
   */
  checkGroups(variables: readonly string[]): void {
    this.#groups.check(() => variables);
  }

  /** The numbers for an update of a variable; `step` counts its updates from 1. */
  protected abstract attributes(step: number, learningRate: number): UpdateAttributes;

  /** Composes an update of tfjs operations: returns the new value, then the new slots. */
  protected abstract compose(
    value: tf.Tensor,
    gradient: tf.Tensor,
    slots: tf.Tensor[],
    attributes: UpdateAttributes,
  ): tf.Tensor[];

  /**
   * Updates the variables that have a gradient; the others, and their slots, stay as they are.
   *
   * @throws {TypeError} If a gradient has no variable, or another shape.
   * @throws {RangeError} If a group of the optimizer matches no variable.
   */
  override applyGradients(
    gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor }[],
  ): void {
    this.#apply((add) => {
      if (Array.isArray(gradients)) {
        for (const { name, tensor } of gradients) if (tensor) add(name, tensor);
      } else {
        for (const name in gradients) if (gradients[name]) add(name, gradients[name]);
      }
    });
  }

  #apply(
    forEach: (add: (name: string, gradient: tf.Tensor | tf.TensorInfo) => void) => void,
  ): void {
    this.#groups.check(() => Object.keys(tf.engine().registeredVariables));
    // Other settings, such as momentum, may have changed since the last step.
    this.#last = undefined;
    // All are checked before the first update.
    forEach(variableOf);
    const joint: JointUpdate = { attributes: undefined, memories: [], inputs: [] };
    forEach((name, gradient) => this.#add(joint, name, gradient));
    this.#update(joint);
    this.incrementIterations();
  }

  /** Adds a variable to those that are updated together, by the same numbers. */
  #add(joint: JointUpdate, name: string, gradient: tf.Tensor | tf.TensorInfo): void {
    const value = tf.engine().registeredVariables[name];
    const memory = this.#memory(name, value);
    const attributes = this.#attributesOf(name, ++memory.step);
    if (joint.attributes !== attributes) {
      this.#update(joint);
      joint.attributes = attributes;
    }
    const { memories, inputs } = joint, { slots } = memory;
    memories.push(memory);
    inputs.push(value, gradient);
    for (let i = 0; i < slots.length; i++) inputs.push(slots[i]);
  }

  /** Updates variables, and leaves none of them to be updated. */
  #update({ attributes, memories, inputs }: JointUpdate): void {
    if (memories.length === 0) return;
    const { tensors } = attributes!;
    const results = runInPlace(this.kernelName, inputs, attributes!);
    for (let i = 0; i < memories.length; i++) {
      const value = inputs[i * tensors] as tf.Variable, { slots } = memories[i];
      // Without the kernel, one after another: the new values of all would need much memory.
      if (results) this.#put(value, slots, results, i * (tensors - 1));
      else {
        const gradient = inputs[i * tensors + 1] as tf.Tensor;
        this.#put(value, slots, tf.tidy(() => this.compose(value, gradient, slots, attributes!)));
      }
    }
    memories.length = inputs.length = 0;
  }

  /** Gives a variable its new value and slots, unless they were written in place. */
  #put(value: tf.Variable, slots: tf.Tensor[], results: tf.Tensor[], first = 0): void {
    if (results[first] !== value) {
      value.assign(results[first]);
      results[first].dispose();
    }
    for (let i = 0; i < slots.length; i++) {
      const updated = results[first + 1 + i];
      if (updated === slots[i]) continue;
      slots[i].dispose();
      slots[i] = tf.keep(updated);
    }
  }

  #attributesOf(name: string, step: number): UpdateAttributes {
    const group = this.#groups.of(name);
    const learningRate = this.#learningRate * (group?.learningRateFactor ?? 1);
    const weightDecay = group?.weightDecay ?? this.#options.weightDecay ?? 0;
    const last = this.#last;
    const isSame = last?.step === step && last.learningRate === learningRate &&
      last.weightDecay === weightDecay;
    if (isSame) return last.attributes;
    const tensors = 2 + this.slotNames.length;
    const attributes = { ...this.attributes(step, learningRate), weightDecay, tensors };
    this.#last = { step, learningRate, weightDecay, attributes };
    return attributes;
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
   * The state of the optimizer: `iterations`, and for each variable its `<name>/step` and its slots,
   * such as `<name>/m`. The caller disposes the tensors.
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
   * Replaces the state of the optimizer.
   *
   * @param state The tensors that {@linkcode SlotOptimizer.state} returned; the caller disposes them.
   * @throws {TypeError} If a slot is missing.
   */
  restore(state: tf.NamedTensorMap): void {
    const take = (key: string): tf.Tensor => {
      if (state[key]) return state[key];
      throw new TypeError(
        `Cannot restore an optimizer as its state must have ${key}: it is missing`,
      );
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

  /** Returns {@linkcode SlotOptimizer.state} as the list that tfjs saves with a model. */
  override getWeights(): Promise<{ name: string; tensor: tf.Tensor }[]> {
    return Promise.resolve(
      Object.entries(this.state()).map(([name, tensor]) => ({ name, tensor })),
    );
  }

  /** Restores what {@linkcode SlotOptimizer.getWeights} returned; the caller disposes the tensors. */
  override setWeights(weights: { name: string; tensor: tf.Tensor }[]): Promise<void> {
    this.restore(Object.fromEntries(weights.map(({ name, tensor }) => [name, tensor])));
    return Promise.resolve();
  }

  /** Disposes all slots. */
  override dispose(): void {
    this.#forget();
  }

  /** The configuration that rebuilds this optimizer, without its slots and groups. */
  override getConfig(): tf.serialization.ConfigDict {
    const { groups: _, ...options } = this.#options;
    return { ...options, learningRate: this.#learningRate } as tf.serialization.ConfigDict;
  }

  /** Rebuilds an optimizer from the result of {@linkcode SlotOptimizer.getConfig}. */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: new (learningRate: number, options: OptimizerOptions) => T,
    config: tf.serialization.ConfigDict,
  ): T {
    const { learningRate, ...options } = config;
    return new cls(learningRate as number, options as OptimizerOptions);
  }

  #forget(): void {
    for (const { slots } of this.#memories.values()) tf.dispose(slots);
    this.#memories.clear();
  }
}

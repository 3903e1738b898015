/**
 * The optimizers of a Learner: one, or one for each objective or each part of the model.
 *
 * @module
 */
import * as field from "../checks/fields.ts";
import { tf } from "../deps/tfjs.ts";
import {
  applyGradients,
  applyMemory,
  type GradientMemory,
  learningRateOf,
  momentumOf,
  type OptimizerState,
  readOptimizer,
  restoreOptimizer,
  setLearningRate,
  setMomentum,
  takesMemory,
} from "../optimizers/optimizer_state.ts";
import type { AnyFields } from "./learner_fields.ts";

/** The state of an optimizer with its learning rate, which schedules change. */
interface RatedOptimizer {
  /** The state of the optimizer. */
  readonly optimizer: OptimizerState;
  /** The learning rate; `undefined` if the optimizer has none. */
  readonly learningRate?: number;
}

/** The states of the optimizers of a Learner. */
export interface OptimizersState extends Partial<RatedOptimizer> {
  /** The optimizer of each objective. Default: the Learner has no objectives. */
  readonly objectives?: Readonly<Record<string, RatedOptimizer>>;
}

/** An optimizer of a Learner; the path is that of its state: `"objectives.generator."`. */
export function optimizersOf(
  { objectives, optimizer }: AnyFields,
): { path: string; objective?: string; optimizer: tf.Optimizer }[] {
  // Not by instanceof: TensorFlow.js takes every optimizer for an instance of every class of them.
  const { parts = objectives } = optimizer as Partial<PartedOptimizer>;
  const named = Object.entries(parts).map(([objective, { optimizer }]) => ({
    path: `objectives.${objective}.`,
    objective,
    optimizer,
  }));
  return named.length > 0 ? named : [{ path: "", optimizer }];
}

/** The state of an optimizer among those of a Learner. */
export function stateOfOptimizer(
  state: OptimizersState,
  objective: string | undefined,
): Partial<RatedOptimizer> {
  return objective === undefined ? state : state.objectives?.[objective] ?? {};
}

/** Reads the states. The caller disposes the slots of them, by {@linkcode disposeSlots}. */
export function readOptimizers(learner: AnyFields): OptimizersState {
  const read = (optimizer: tf.Optimizer): RatedOptimizer => ({
    optimizer: readOptimizer(optimizer),
    learningRate: (optimizer as { learningRate?: number }).learningRate,
  });
  const [first, ...others] = optimizersOf(learner);
  if (first.objective === undefined) return read(first.optimizer);
  return {
    objectives: Object.fromEntries(
      [first, ...others].map(({ objective, optimizer }) => [objective, read(optimizer)]),
    ),
  };
}

/** Disposes the slots of states that were read. */
export function disposeSlots({ optimizer, objectives = {} }: OptimizersState): void {
  for (const state of [optimizer, ...Object.values(objectives).map((rated) => rated.optimizer)]) {
    tf.dispose(state?.slots ?? {});
  }
}

/** Restores states, whose tensors become the optimizers', or are disposed. */
export function restoreOptimizers(
  learner: AnyFields,
  state: OptimizersState,
  rename: (name: string) => string,
): void {
  for (const { objective, optimizer: target } of optimizersOf(learner)) {
    const { optimizer, learningRate } = stateOfOptimizer(state, objective);
    if (optimizer) restoreOptimizer(target, optimizer, rename);
    if (learningRate !== undefined) setLearningRate(target, learningRate);
  }
}

/** The class of the optimizer; with objectives, that of each: `"generator: Adam, …"`. */
export function describeOptimizers(learner: AnyFields): string {
  return optimizersOf(learner).map(({ objective, optimizer }) =>
    objective === undefined ? optimizer.getClassName() : `${objective}: ${optimizer.getClassName()}`
  ).join(", ");
}

/** The settings of an optimizer that schedules change. */
export interface OptimizerSettings {
  /** Per step. */
  readonly learningRate: number;
  /** The momentum, or `beta1`. Missing if it is not scheduled. */
  readonly momentum?: number;
  /** The settings of the Learner's other optimizers: objectives have an optimizer each. */
  readonly others?: readonly OptimizerSettings[];
}

const SETTINGS = {
  learningRate: field.number({ min: 0 }),
  momentum: field.optional(field.number()),
};

/** Checks settings from a file. */
export const settingsField: field.FieldCheck = field.record({
  ...SETTINGS,
  others: field.optional(field.list(field.record(SETTINGS))),
});

/**
 * Reads the settings of all optimizers of a Learner, or of the one of an objective.
 *
 * @throws {RangeError} If there is no such objective.
 * @throws {TypeError} If an optimizer has no learning rate, or no momentum where that is asked for.
 */
export function readSettings(
  learner: AnyFields,
  { momentum = false, objective }: { momentum?: boolean; objective?: string } = {},
): OptimizerSettings {
  const [first, ...others] = optimizersFor(learner, objective).map(({ optimizer }) => ({
    learningRate: learningRateOf(optimizer),
    ...momentum && { momentum: momentumOf(optimizer) },
  }));
  return { ...first, ...others.length > 0 && { others } };
}

/** Puts settings back. */
export function writeSettings(
  learner: AnyFields,
  settings: OptimizerSettings,
  objective?: string,
): void {
  const { others = [], ...first } = settings;
  optimizersFor(learner, objective).forEach(({ optimizer }, index) => {
    const { learningRate, momentum } = [first, ...others][index] ?? {};
    if (learningRate !== undefined) setLearningRate(optimizer, learningRate);
    if (momentum !== undefined) setMomentum(optimizer, momentum);
  });
}

/** Sets the same for all optimizers of a Learner, or for the one of an objective. */
export function writeAll(
  learner: AnyFields,
  { learningRate, momentum }: OptimizerSettings,
  objective?: string,
): void {
  for (const { optimizer } of optimizersFor(learner, objective)) {
    setLearningRate(optimizer, learningRate);
    if (momentum !== undefined) setMomentum(optimizer, momentum);
  }
}

function optimizersFor(learner: AnyFields, objective?: string): { optimizer: tf.Optimizer }[] {
  const all = optimizersOf(learner);
  if (objective === undefined) return all;
  const chosen = all.filter((one) => one.objective === objective);
  if (chosen.length > 0) return chosen;
  const known = all.flatMap((one) => one.objective ?? []).join(", ") || "no objectives";
  throw new RangeError(
    `Cannot set the learning rate of ${objective} as it must be an objective of the Learner: ` +
      `there is ${known}`,
  );
}

/** A part of a model, with an optimizer of its own. */
interface OptimizedPart {
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
      ? gradients.map(({ name, tensor }) => [name, tensor] as const)
      : Object.entries(gradients);
    this.#divide(new Map(list), (optimizer, own) => {
      applyGradients(optimizer, Object.fromEntries(own));
    });
  }

  /** Updates the variables by gradients that are no tensors; returns whether all parts could. */
  applyMemory(gradients: GradientMemory): boolean {
    const isOwn = this.applyGradients === PartedOptimizer.prototype.applyGradients;
    const parts = Object.values(this.parts);
    if (!isOwn || !parts.every(({ optimizer }) => takesMemory(optimizer))) return false;
    this.#divide(gradients, applyMemory);
    return true;
  }

  /** Gives each part its gradients, if there are any. */
  #divide<G>(
    gradients: ReadonlyMap<string, G>,
    update: (optimizer: tf.Optimizer, own: Map<string, G>) => void,
  ): void {
    for (const { optimizer, variables } of Object.values(this.parts)) {
      const own = new Map<string, G>(), names = new Set(variables().map(({ name }) => name));
      for (const [name, gradient] of gradients) {
        if (gradient && names.has(name)) own.set(name, gradient);
      }
      if (own.size > 0) update(optimizer, own);
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

import type { tf } from "../deps/tfjs.ts";
import type { FieldProblem } from "../checks/fields.ts";
import { loaderLength } from "../data/loader.ts";
import { checkCheckpoint, refuse, type RunCheckpoint } from "../io/checkpoint_file.ts";
import { type HostTensor, TENSOR_DTYPES } from "../io/host_tensor.ts";
import { StorageError } from "../io/files.ts";
import { statefulLayers } from "../model/layers.ts";
import { isBuilt, variablesOf } from "../model/model.ts";
import { differencesOf, modelStructure } from "../model/model_structure.ts";
import { type OptimizerState, readOptimizer, weightOfSlot } from "../optimizers/optimizer_state.ts";
import { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import { type CallbackState, checkState, type State } from "./check_state.ts";
import type { AnyFields } from "./learner_fields.ts";
import { modelsOf } from "./run.ts";
import { describeOptimizers, optimizersOf, stateOfOptimizer } from "./learner_optimizers.ts";

/**
 * Checks all of a checkpoint, and compares it with a Learner. Nothing is changed.
 *
 * @param learner The Learner.
 * @param checkpoint The checkpoint, from anywhere.
 * @throws {StorageError} If the checkpoint is damaged (the error names the field), of a newer
 *   version, or of another Learner (the error lists all differences).
 */
export async function checkMatch(learner: AnyFields, checkpoint: RunCheckpoint): Promise<void> {
  const name = "the checkpoint";
  await checkCheckpoint(checkpoint, name);
  if (checkpoint.error !== null) {
    throw new StorageError(
      "mismatch",
      `Cannot resume: the run of this checkpoint had failed with "${checkpoint.error}". Resume an older one.`,
    );
  }
  const { model } = checkpoint;
  const isModelBuilt = build(learner.model);
  const differences = isModelBuilt
    ? differencesOf(model, await modelStructure(learner.model))
    : ["the model has no weights yet: give its first layer an inputShape"];
  // Names in the state can be told only once the model is known to be the same.
  const rename = differences.length > 0 ? (key: string) => key : namesIn(learner, checkpoint);
  const state = checkState(checkpoint, rename, name);
  differences.push(
    ...differencesOfParts(learner, checkpoint),
    ...missingCallbacks(learner.callbacks, state.callbacks),
    ...missingLoaders(learner, state),
    ...differencesOfStates(learner, state),
  );
  if (differences.length > 0) {
    throw new StorageError(
      "mismatch",
      "Cannot resume as the checkpoint must be of this Learner",
      differences,
    );
  }
  refuse(
    optimizersProblem(learner, state, rename) ?? callbackProblem(learner, state),
    name,
  );
}

/** Returns the name in this process of each name in a checkpoint of the same model. */
export function namesIn(learner: AnyFields, { model }: RunCheckpoint): (key: string) => string {
  const variables = variablesOf(learner.model);
  return renaming(model.weights.map(({ name }, index) => [name, variables[index].name]));
}

/** Builds a sequential model with an input shape, which otherwise is built at its first use. */
function build(model: AnyFields["model"]): boolean {
  if (!isBuilt(model) && (model as tf.Sequential).outputs?.length > 0) {
    (model as tf.Sequential).build();
  }
  return isBuilt(model);
}

function differencesOfParts(
  learner: AnyFields,
  { model, optimizer, seed, tensors }: RunCheckpoint,
): string[] {
  const differences: string[] = [];
  const actual = describeOptimizers(learner);
  if (optimizer !== actual) differences.push(`the optimizer was ${optimizer}, it is ${actual}`);
  if (learner.seed !== undefined && learner.seed !== seed) {
    differences.push(`the seed was ${seed}, it is ${learner.seed}`);
  }
  for (const { name, dtype, shape } of model.weights) {
    const found = tensors.get(`weights/${name}`);
    if (found?.dtype === TENSOR_DTYPES[dtype] && `${found.shape}` === `${shape}`) continue;
    differences.push(
      `weight ${name} must be [${shape}] ${dtype}, it is ` +
        (found ? `[${found.shape}] ${found.dtype}` : "missing"),
    );
  }
  return differences;
}

function missingCallbacks(
  callbacks: readonly AnyCallback[],
  states: readonly CallbackState[],
): string[] {
  const names = callbacks.map(nameOf);
  return states.flatMap(({ name, observes, passive = observes }) => {
    const index = names.indexOf(name);
    if (index >= 0) names.splice(index, 1);
    return index >= 0 || passive ? [] : [`callback ${name} has a state, and is missing`];
  });
}

/** Compares the states of recurrent layers with those of the model, if there are any to restore. */
function differencesOfStates(learner: AnyFields, { run, own = [] }: State): string[] {
  const layers = statefulLayers(modelsOf(learner));
  const actual = layers.flatMap(({ shapes }) => shapes.map((shape) => `[${shape}]`));
  const saved = [run, ...own].flatMap(({ layerStates }) =>
    layerStates ? [layerStates.current, layerStates.aside ?? layerStates.current] : []
  ).map((states) =>
    (states as unknown as HostTensor[]).map(({ shape, dtype }) =>
      dtype === "F32" ? `[${shape}]` : `[${shape}] ${dtype}`
    )
  );
  const other = saved.find((shapes) => `${shapes}` !== `${actual}`);
  if (!other) return [];
  const names = layers.map(({ name }) => name).join(", ");
  return [
    `the states of recurrent layers are ${other.join(" ") || "missing"} in the checkpoint, ` +
    (actual.length > 0 ? `${actual.join(" ")} in ${names}` : "no layer has any"),
  ];
}

function missingLoaders(
  learner: AnyFields,
  { run: { loader, outer, shards = 1 } }: State,
): string[] {
  return [loader, outer?.loader].flatMap((loader) =>
    loader ? missingLoader(learner, loader, shards) : []
  );
}

function missingLoader(
  { dataloaders, callbacks }: AnyFields,
  loader: NonNullable<State["run"]["loader"]>,
  shards: number,
): string[] {
  const { name, taken } = loader;
  const source = dataloaders[name as keyof AnyFields["dataloaders"]];
  if (source === undefined) return [`dataloaders.${name} was being read, and is missing`];
  if (callbacks.some(({ replacesLoaders }) => replacesLoaders)) return [];
  const length = loaderLength(source) ?? Infinity;
  // In the last turn, some ranks share a batch that a single process reads as one.
  return taken <= Math.ceil(length / shards) * shards
    ? []
    : [`${taken} batches of dataloaders.${name} were read, it has ${length}`];
}

/** Returns the first slot of an optimizer that is missing or of the wrong shape. */
function optimizersProblem(
  learner: AnyFields,
  state: State,
  rename: (key: string) => string,
): FieldProblem | undefined {
  for (const { path, objective, optimizer } of optimizersOf(learner)) {
    const { optimizer: saved } = stateOfOptimizer(state, objective);
    if (!saved) {
      return { path: `state.${path}optimizer`, required: "must be an object", actual: "undefined" };
    }
    const problem = optimizerProblem(learner, optimizer, saved, rename);
    if (problem) return { ...problem, path: `state.${path}optimizer.${problem.path}` };
  }
}

function optimizerProblem(
  { model }: AnyFields,
  optimizer: tf.Optimizer,
  { slots = {}, fields = {} }: OptimizerState,
  rename: (key: string) => string,
): FieldProblem | undefined {
  const shapes = new Map(variablesOf(model).map(({ name, shape }) => [name, `[${shape}]`]));
  const check = (path: string, tensor: unknown, shape: string | undefined) => {
    const actual = tensor ? `[${(tensor as HostTensor).shape}]` : "missing";
    if (tensor && (shape === undefined || shape === actual)) return undefined;
    return { path, required: `must have shape ${shape}`, actual };
  };
  if (!(optimizer instanceof SlotOptimizer)) {
    for (const [name, own] of Object.entries(readOptimizer(optimizer).fields ?? {})) {
      const saved = fields[name];
      const path = `fields.${name}`;
      if (!Array.isArray(own)) {
        const problem = check(path, Array.isArray(saved) ? undefined : saved, `[${own.shape}]`);
        if (problem) return problem;
      } else if (!Array.isArray(saved)) return check(path, undefined, "of each weight");
      for (const [variable, tensor] of Array.isArray(saved) ? saved : []) {
        const problem = check(path, tensor, shapes.get(weightOfSlot(rename(variable))));
        if (problem) return problem;
      }
    }
    return;
  }
  const scalars = Object.keys(slots).filter((key) => key.endsWith("/step"));
  for (const key of ["iterations", ...scalars]) {
    const problem = check(`slots.${key}`, slots[key], "[]");
    if (problem) return problem;
  }
  for (const key of scalars) {
    const variable = key.slice(0, -"/step".length);
    for (const slot of optimizer["slotNames"]) {
      const path = `${variable}/${slot}`;
      const problem = check(`slots.${path}`, slots[path], shapes.get(variable) ?? "of its weight");
      if (problem) return problem;
    }
  }
}

/** Returns the first problem that a callback finds in its own state. */
function callbackProblem(
  learner: AnyFields,
  { callbacks: states, own = [] }: State,
): FieldProblem | undefined {
  for (
    const [path, list] of [
      ["callbacks", states] as const,
      ...own.map(({ callbacks }, rank) => [`own[${rank}].callbacks`, callbacks] as const),
    ]
  ) {
    const left = [...learner.callbacks];
    for (const [index, { name, state }] of list.entries()) {
      const place = left.findIndex((callback) => nameOf(callback) === name);
      const [callback] = place < 0 ? [] : left.splice(place, 1);
      const problem = callback?.checkState?.(state, `state.${path}[${index}].state`, learner);
      if (problem) return problem;
    }
  }
}

/** Maps names: a weight is called dense_Dense2 instead of 1 where another model was made before. */
export function renaming(names: [saved: string, actual: string][]): (key: string) => string {
  const same = names.every(([saved, actual]) => saved === actual);
  if (same) return (key) => key;
  names.sort(([a], [b]) => b.length - a.length);
  return (key) => {
    const found = names.find(([saved]) => key === saved || key.startsWith(`${saved}/`));
    return found ? found[1] + key.slice(found[0].length) : key;
  };
}

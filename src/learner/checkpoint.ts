/**
 * The whole state of a run, taken and put back.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import { type Shard, WHOLE } from "../data/shard.ts";
import { decodeState } from "../io/decode_state.ts";
import { encodeState } from "../io/encode_state.ts";
import { type HostTensor, TENSOR_DTYPES } from "../io/host_tensor.ts";
import { readTensors } from "../io/read_tensors.ts";
import { CHECKPOINT_FORMAT, type RunCheckpoint } from "../io/checkpoint_file.ts";
import { StorageError } from "../io/storage_error.ts";
import { toTensor } from "../io/to_tensor.ts";
import { VERSION } from "../version.ts";
import type { AnyFields } from "./learner_fields.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { isBuilt, variablesOf } from "../model/model.ts";
import { differencesOf, modelStructure } from "../model/model_structure.ts";
import { setLearningRate } from "../optimizers/learning_rate.ts";
import {
  type OptimizerState,
  readOptimizer,
  restoreOptimizer,
} from "../optimizers/optimizer_state.ts";
import type { PassLossesState } from "./pass_losses.ts";
import type { Run, RunState } from "./run.ts";

/** The fields of a Learner that are part of a run's state. */
const FIELDS = [
  "epoch",
  "epochs",
  "validationEpochs",
  "validationBatches",
  "trainings",
  "loaderSeed",
  "batchSize",
  "phase",
  "trainLoss",
  "validationLoss",
  "testLoss",
  "metrics",
] as const;

interface State {
  readonly run: RunState;
  readonly fields: Pick<AnyFields, typeof FIELDS[number]>;
  readonly learningRate?: number;
  /** The optimizer of a Learner without objectives. */
  readonly optimizer?: OptimizerState;
  /** The optimizer of each objective. */
  readonly objectives?: Readonly<Record<string, RatedOptimizer>>;
  readonly callbacks: readonly CallbackState[];
  /** The state of each rank. */
  readonly own?: readonly RankState[];
}

/** The state of an optimizer with its learning rate, which schedules change. */
interface RatedOptimizer {
  readonly optimizer: OptimizerState;
  readonly learningRate?: number;
}

interface CallbackState {
  readonly name: string;
  readonly state: unknown;
  /** Whether the run may be resumed without it. */
  readonly passive: boolean;
  /** The name of `passive` in checkpoints of version 0.1. */
  readonly observes?: boolean;
}

/** The part of a run's state that is different on each rank. */
interface RankState extends PassLossesState {
  readonly callbacks: readonly CallbackState[];
}

/** The state of this rank; its tensors stay the run's. */
export function rankState(learner: AnyFields, run: Run): RankState {
  return {
    ...run.lossesState(),
    callbacks: statesOf(learner, ({ perRank }) => perRank === true),
  };
}

function statesOf(
  { callbacks }: AnyFields,
  which: (callback: AnyCallback) => boolean = () => true,
): CallbackState[] {
  return callbacks.filter((callback) => callback.state && which(callback))
    .map((callback) => ({
      name: nameOf(callback),
      state: callback.state!(),
      passive: callback.passive === true,
    }));
}

/** Takes the state of a run: all of it at once, and only then waits for the device. */
export async function takeCheckpoint(learner: AnyFields, run: Run): Promise<RunCheckpoint> {
  const tensors = new Map<string, tf.Tensor | HostTensor>();
  const optimizers = readOptimizers(learner);
  const own = learner.peers?.collect() as RankState[] | undefined;
  let reading;
  let state;
  try {
    const whole: State = {
      run: run.state(),
      fields: Object.fromEntries(FIELDS.map((name) => [name, learner[name]])) as State["fields"],
      ...optimizers,
      callbacks: statesOf(learner),
      ...own && { own },
    };
    state = encodeState(whole, "state", tensors);
    for (const variable of variablesOf(learner.model)) {
      tensors.set(`weights/${variable.name}`, variable);
    }
    reading = readTensors(tensors);
  } finally {
    disposeSlots(optimizers);
    disposeTensors(own);
  }
  const { epoch, phase, seed } = learner;
  const { context } = run.pump.actor.getSnapshot();
  return {
    format: CHECKPOINT_FORMAT,
    time: new Date().toISOString(),
    versions: { trainchart: VERSION, tfjs: tf.version.tfjs, backend: tf.getBackend() },
    epoch,
    batch: context.batch,
    phase,
    error: context.error,
    seed: seed ?? null,
    optimizer: describeOptimizers(learner),
    model: await modelStructure(learner.model),
    state,
    tensors: await reading,
  };
}

/**
 * Restores all of a checkpoint but the run itself.
 *
 * @returns The place that the run had reached.
 * @throws {StorageError} If the checkpoint is of another Learner: the error lists the differences,
 *   and nothing has changed.
 */
export async function restoreCheckpoint(
  learner: AnyFields,
  checkpoint: RunCheckpoint,
): Promise<RunState> {
  const { model, tensors } = checkpoint;
  await checkMatch(learner, checkpoint);
  const variables = variablesOf(learner.model);
  const rename = renaming(model.weights.map(({ name }, index) => [name, variables[index].name]));
  const state = decodeState(checkpoint.state, tensors, rename) as State;
  learner.seed = checkpoint.seed ?? undefined;
  variables.forEach((variable, index) => {
    const { name } = model.weights[index];
    const value = toTensor(tensors.get(`weights/${name}`)!, name);
    variable.assign(value);
    value.dispose();
  });
  restoreOptimizers(learner, state, rename);
  // By name: a file may not set anything else on the Learner.
  learner.trainings = 1; // checkpoints of version 0.1 do not have it
  for (const name of FIELDS) {
    if (state.fields[name] !== undefined) Object.assign(learner, { [name]: state.fields[name] });
  }
  const shard = learner.peers?.shard ?? WHOLE;
  const own = selectRankState(state, shard);
  const left = [...learner.callbacks];
  const different = [...own?.callbacks ?? []];
  for (const saved of state.callbacks) {
    const index = different.findIndex(({ name }) => name === saved.name);
    const [mine] = index < 0 ? [saved] : different.splice(index, 1);
    if (mine !== saved) disposeTensors(saved.state);
    const place = left.findIndex((other) => nameOf(other) === saved.name);
    const [callback] = place < 0 ? [] : left.splice(place, 1);
    if (callback?.restore) await callback.restore(mine.state, learner);
    else disposeTensors(mine.state);
  }
  if (!own) return state.run;
  disposeTensors([state.run.mean, state.run.objectiveMeans]);
  const { batch } = state.run;
  // All ranks but the one that took the checkpoint had counted the loss of the current batch.
  const computed = shard.index === 0 && batch?.computed === true;
  const { mean, objectiveMeans } = own;
  return { ...state.run, mean, objectiveMeans, batch: batch && { ...batch, computed } };
}

/** Reads the optimizers; {@linkcode disposeSlots} disposes what was read. */
function readOptimizers(
  learner: AnyFields,
): Pick<State, "optimizer" | "objectives" | "learningRate"> {
  const read = (optimizer: tf.Optimizer): RatedOptimizer => ({
    optimizer: readOptimizer(optimizer),
    learningRate: (optimizer as { learningRate?: number }).learningRate,
  });
  const objectives = Object.entries(learner.objectives);
  if (objectives.length === 0) return read(learner.optimizer);
  return {
    objectives: Object.fromEntries(
      objectives.map(([name, { optimizer }]) => [name, read(optimizer)]),
    ),
  };
}

function disposeSlots({ optimizer, objectives = {} }: Partial<State>): void {
  for (const state of [optimizer, ...Object.values(objectives).map((rated) => rated.optimizer)]) {
    tf.dispose(state?.slots ?? {});
  }
}

function restoreOptimizers(
  learner: AnyFields,
  { optimizer, learningRate, objectives = {} }: State,
  rename: (name: string) => string,
): void {
  const restore = (target: tf.Optimizer, { optimizer, learningRate }: RatedOptimizer) => {
    restoreOptimizer(target, optimizer, rename);
    if (learningRate !== undefined) setLearningRate(target, learningRate);
  };
  if (optimizer) restore(learner.optimizer, { optimizer, learningRate });
  for (const [name, rated] of Object.entries(objectives)) {
    restore(learner.objectives[name].optimizer, rated);
  }
}

/** The class of the optimizer; with objectives, that of each: `"generator: Adam, …"`. */
function describeOptimizers({ objectives, optimizer }: AnyFields): string {
  const named = Object.entries(objectives).map(([name, objective]) =>
    `${name}: ${objective.optimizer.getClassName()}`
  );
  return named.length > 0 ? named.join(", ") : optimizer.getClassName();
}

/** Each rank takes its own state again if there are as many ranks as there were. */
function selectRankState({ own = [] }: State, { index, count }: Shard): RankState | undefined {
  const mine = own.length === count ? own[index] : undefined;
  disposeTensors(own.filter((other) => other !== mine));
  return mine;
}

/** Builds a sequential model with an input shape, which otherwise is built at its first use. */
function build(model: AnyFields["model"]): boolean {
  if (!isBuilt(model) && (model as tf.Sequential).outputs?.length > 0) {
    (model as tf.Sequential).build();
  }
  return isBuilt(model);
}

/** Compares everything before anything is changed. */
async function checkMatch(learner: AnyFields, checkpoint: RunCheckpoint): Promise<void> {
  const { format, seed, optimizer, model, tensors, state } = checkpoint;
  if (!(format <= CHECKPOINT_FORMAT)) {
    throw new StorageError(
      "version",
      `Cannot resume as the checkpoint's format must be at most ${CHECKPOINT_FORMAT}: it is ${format}`,
    );
  }
  if (checkpoint.error !== null) {
    throw new StorageError(
      "mismatch",
      `Cannot resume: the run of this checkpoint had failed with "${checkpoint.error}". Resume an older one.`,
    );
  }
  const differences: string[] = [];
  const actual = describeOptimizers(learner);
  if (!build(learner.model)) {
    differences.push("the model has no weights yet: give its first layer an inputShape");
  } else differences.push(...differencesOf(model, await modelStructure(learner.model)));
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
  const callbacks = learner.callbacks.map(nameOf);
  for (
    const { name, observes, passive = observes } of (state as Pick<State, "callbacks">).callbacks
  ) {
    const index = callbacks.indexOf(name);
    if (index >= 0) callbacks.splice(index, 1);
    else if (!passive) differences.push(`callback ${name} has a state, and is missing`);
  }
  if (differences.length === 0) return;
  throw new StorageError(
    "mismatch",
    "Cannot resume as the checkpoint must be of this Learner",
    differences,
  );
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

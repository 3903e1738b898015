/**
 * Takes checkpoints of a run, and continues from them.
 *
 * @module
 */
import { type Computer, currentComputer } from "../backend/native/native_library.ts";
import { type Shard, WHOLE } from "../data/loader.ts";
import { tf } from "../deps/tfjs.ts";
import { CHECKPOINT_FORMAT, type RunCheckpoint } from "../io/checkpoint_file.ts";
import { type HostTensor, readTensors, toTensor } from "../io/host_tensor.ts";
import { decodeState, encodeState } from "../io/state_codec.ts";
import { statefulLayers } from "../model/layers.ts";
import { variablesOf } from "../model/model.ts";
import { modelStructure } from "../model/model_structure.ts";
import { readOptimizer, restoreOptimizer, setLearningRate } from "../optimizers/optimizer_state.ts";
import { disposeTensors, mapTensors, tensorsIn } from "../tensors/nested_tensors.ts";
import { VERSION } from "../version.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import { checkMatch, namesIn } from "./check_match.ts";
import { type CallbackState, FIELDS, type RankState, type State } from "./check_state.ts";
import type { AnyFields } from "./learner_fields.ts";
import {
  describeOptimizers,
  disposeSlots,
  optimizersOf,
  readOptimizers,
  restoreOptimizers,
} from "./learner_optimizers.ts";
import { modelsOf, type Run, type RunState } from "./run.ts";

/** The state of this rank; its tensors stay the run's. */
export function rankState(learner: AnyFields, run: Run): RankState {
  const layerStates = run.layerStates();
  return {
    ...run.lossesState(),
    ...layerStates && { layerStates },
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
      fields: Object.fromEntries(
        Object.keys(FIELDS).map((name) => [name, learner[name as keyof typeof FIELDS]]),
      ) as State["fields"],
      ...optimizers,
      callbacks: statesOf(learner),
      ...own && { own },
    };
    state = encodeState(whole, "state", tensors);
    for (const variable of variablesOf(learner.model)) {
      tensors.set(`weights/${variable.name}`, variable);
    }
    reading = readTensors(tensors);
    // It is awaited below, after other work: a rejection until then is not unhandled.
    reading.catch(() => {});
  } catch (error) {
    throw withName(error, learner);
  } finally {
    disposeSlots(optimizers);
    disposeTensors(own);
  }
  const { epoch, phase, seed } = learner;
  const { context } = run.pump.actor.getSnapshot();
  return {
    format: CHECKPOINT_FORMAT,
    time: new Date().toISOString(),
    versions: { trainchart: VERSION, tfjs: tf.version.tfjs, ...currentComputer() },
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

/** Says which callback has a state that cannot be saved. */
function withName(error: unknown, { callbacks }: AnyFields): unknown {
  const [path, index] = /state\/callbacks\/(\d+)\/state/.exec(String(error)) ?? [];
  if (!(error instanceof TypeError) || path === undefined) return error;
  const callback = callbacks.filter(({ state }) => state)[Number(index)];
  const text = error.message.replace(path, `state() of ${nameOf(callback)}`);
  return new TypeError(text, { cause: error });
}

/**
 * Restores all of a checkpoint but the run itself: all of it, or nothing.
 *
 * @returns The place that the run had reached.
 * @throws {StorageError} If the checkpoint is damaged or of another Learner. Nothing has changed.
 * @throws {unknown} If a callback's `restore` throws: its error. Everything is as it was before.
 */
export async function restoreCheckpoint(
  learner: AnyFields,
  checkpoint: RunCheckpoint,
): Promise<RunState> {
  await checkMatch(learner, checkpoint);
  const rename = namesIn(learner, checkpoint);
  const state = decodeState(checkpoint.state, checkpoint.tensors, { rename }) as State;
  const tensors = tensorsIn(state);
  const before = rememberLearner(learner);
  try {
    restoreWeights(learner, checkpoint);
    restoreOptimizers(learner, state, rename);
    learner.seed = checkpoint.seed ?? undefined;
    // By name: a file may not set anything else on the Learner.
    learner.trainings = 1; // checkpoints of version 0.1 do not have it
    for (const name of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
      const { [name]: value } = state.fields;
      if (value !== undefined) Object.assign(learner, { [name]: value });
    }
    const shard = learner.peers?.shard ?? WHOLE;
    const own = selectRankState(state, shard);
    for (const { callback, mine } of assignStates(learner.callbacks, state, own)) {
      if (callback) await before.restoring(callback, () => callback.restore!(mine, learner));
      else disposeTensors(mine);
    }
    before.forget();
    if (shard.index === 0) {
      warnOfOther(checkpoint);
      warnOfStates(learner, state);
    }
    return runOf(state, own, shard);
  } catch (error) {
    await before.undo();
    tf.dispose(tensors.filter(({ isDisposed }) => !isDisposed));
    throw error;
  }
}

/** Warns if the run was computed by another backend or library, whose last digits differ. */
function warnOfOther({ versions }: RunCheckpoint): void {
  const now = currentComputer(), { backend, native } = versions;
  if (backend === undefined) return;
  if (backend === now.backend && native === now.native) return;
  const text = ({ backend, native }: Computer) => backend + (native ? ` with ${native}` : "");
  console.warn(
    `Trainchart resumes on ${text(now)} a run that was computed on ${text({ backend, native })}: ` +
      "the last digits of its results will differ",
  );
}

/** Warns if the checkpoint is of a version that did not save the states of recurrent layers. */
function warnOfStates(learner: AnyFields, { run }: State): void {
  if (run.layerStates) return;
  const names = statefulLayers(modelsOf(learner)).map(({ name }) => name);
  if (names.length === 0) return;
  console.warn(
    `Trainchart resumes a checkpoint without the states of ${names.join(", ")}: ` +
      "they stay as they are, so that the run differs from one without a break",
  );
}

function restoreWeights(learner: AnyFields, { model, tensors }: RunCheckpoint): void {
  variablesOf(learner.model).forEach((variable, index) => {
    const { name } = model.weights[index];
    const value = toTensor(tensors.get(`weights/${name}`)!, name);
    variable.assign(value);
    value.dispose();
  });
}

/** Each rank takes its own state again if there are as many ranks as there were. */
function selectRankState({ own = [] }: State, { index, count }: Shard): RankState | undefined {
  const mine = own.length === count ? own[index] : undefined;
  disposeTensors(own.filter((other) => other !== mine));
  return mine;
}

/** Finds the callback of each state, and the rank's own state where there is one. */
function assignStates(
  callbacks: readonly AnyCallback[],
  state: State,
  own: RankState | undefined,
): { callback: AnyCallback | undefined; mine: unknown }[] {
  const left = [...callbacks];
  const different: CallbackState[] = [...own?.callbacks ?? []];
  return state.callbacks.map((saved) => {
    const index = different.findIndex(({ name }) => name === saved.name);
    const [{ state: mine }] = index < 0 ? [saved] : different.splice(index, 1);
    if (index >= 0) disposeTensors(saved.state);
    const place = left.findIndex((other) => nameOf(other) === saved.name);
    const [callback] = place < 0 ? [] : left.splice(place, 1);
    return { callback: callback?.restore && callback, mine };
  });
}

function runOf(state: State, own: RankState | undefined, shard: Shard): RunState {
  if (!own) return state.run;
  const { batch } = state.run;
  const { layerStates = state.run.layerStates } = own;
  disposeTensors([
    state.run.mean,
    state.run.objectiveMeans,
    own.layerStates && state.run.layerStates,
  ]);
  // All ranks but the one that took the checkpoint had counted the loss of the current batch.
  const computed = shard.index === 0 && batch?.computed === true;
  const { mean, objectiveMeans } = own;
  return {
    ...state.run,
    mean,
    objectiveMeans,
    layerStates,
    batch: batch && { ...batch, computed },
  };
}

/** A Learner as it was, until it is clear whether it is needed again. */
interface RememberedLearner {
  /** Runs work that replaces the state of a callback, which can be undone. */
  restoring(callback: AnyCallback, work: () => void | Promise<void>): Promise<void>;
  /** Makes the Learner what it was. */
  undo(): Promise<void>;
  /** Releases everything that was remembered. */
  forget(): void;
}

/** Remembers weights, optimizer and fields of a Learner. Tensors are shared, and not copied. */
function rememberLearner(learner: AnyFields): RememberedLearner {
  const clone = <T>(nested: T): T => mapTensors(nested, (tensor) => tensor.clone());
  const { seed } = learner;
  const variables = variablesOf(learner.model);
  const weights = variables.map((variable) => variable.clone());
  const optimizers = optimizersOf(learner).map(({ optimizer }) => {
    const { fields, ...others } = readOptimizer(optimizer);
    const { learningRate } = optimizer as { learningRate?: number };
    return { optimizer, state: { ...others, fields: clone(fields) }, learningRate };
  });
  const fields = Object.fromEntries(
    [...Object.keys(FIELDS), "callbacks", "dataloaders", "limits"]
      .map((name) => [name, copyOf(learner[name as keyof AnyFields])]),
  );
  const states: { callback: AnyCallback; state: unknown }[] = [];

  return {
    async restoring(callback, work) {
      states.unshift({ callback, state: clone(stateOf(callback)) });
      await work();
    },
    async undo() {
      for (const { callback, state } of states) {
        try {
          if (state !== undefined) await callback.restore!(state, learner);
        } catch {
          disposeTensors(state); // the callback refuses its own state: it keeps what it has
        }
      }
      variables.forEach((variable, index) => variable.assign(weights[index]));
      tf.dispose(weights);
      for (const { optimizer, state, learningRate } of optimizers) {
        restoreOptimizer(optimizer, state, (name) => name);
        if (learningRate !== undefined) setLearningRate(optimizer, learningRate);
      }
      Object.assign(learner, fields, { seed });
    },
    forget() {
      tf.dispose(weights);
      disposeTensors(states.map(({ state }) => state));
      for (const { state: { slots, fields } } of optimizers) disposeTensors([slots, fields]);
    },
  };
}

/** A callback may have no state before a run: then it keeps the restored one. */
function stateOf(callback: AnyCallback): unknown {
  try {
    return callback.state?.();
  } catch {
    return undefined;
  }
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...value];
  return typeof value === "object" && value !== null ? { ...value } : value;
}

/**
 * Takes checkpoints of a run.
 *
 * @module
 */
import { currentComputer } from "../backend/native/native_library.ts";
import { tf } from "../deps/tfjs.ts";
import { CHECKPOINT_FORMAT, type RunCheckpoint } from "../io/checkpoint_file.ts";
import { encodeState } from "../io/state_codec.ts";
import type { HostTensor } from "../io/host_tensor.ts";
import { readTensors } from "../io/transfer_tensors.ts";
import { variablesOf } from "../model/model.ts";
import { modelStructure } from "../model/model_structure.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { VERSION } from "../version.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import { type CallbackState, FIELDS, type RankState, type State } from "./check_state.ts";
import type { AnyFields } from "./learner_fields.ts";
import { describeOptimizers, disposeSlots, readOptimizers } from "./learner_optimizers.ts";
import type { Run } from "./run.ts";

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

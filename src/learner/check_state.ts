import { checkPumpState, loaderOfState } from "../chart/pump_state.ts";
import * as field from "../checks/fields.ts";
import { refuse, type RunCheckpoint } from "../io/checkpoint_file.ts";
import { decodeState } from "../io/state_codec.ts";
import { type HostTensor, hostTensor, hostTensorOf } from "../io/host_tensor.ts";
import { type PassLossesState, runningMean } from "../metrics/running_mean.ts";
import { BATCH_TENSORS } from "./batch_tensors.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { OptimizersState } from "./learner_optimizers.ts";
import type { LayerStates, RunState } from "./run.ts";

/** The state of a run, of which the fields beside it in a checkpoint are a summary. */
export interface State extends OptimizersState {
  /** The place that the run has reached. */
  readonly run: RunState;
  /** Fields of the Learner. */
  readonly fields: Pick<AnyFields, keyof typeof FIELDS>;
  /** The states of the callbacks that have one. */
  readonly callbacks: readonly CallbackState[];
  /** The state of each rank. Default: there was one rank. */
  readonly own?: readonly RankState[];
}

/** The state of a callback. */
export interface CallbackState {
  /** The name of the callback. */
  readonly name: string;
  /** The value that its `state()` returned. */
  readonly state: unknown;
  /** Whether the run may be resumed without it. */
  readonly passive: boolean;
  /** The name of `passive` in checkpoints of version 0.1. */
  readonly observes?: boolean;
}

/** The part of a run's state that is different on each rank. */
export interface RankState extends PassLossesState {
  /** The states of stateful layers. Default: no layer is stateful, or they were not saved. */
  readonly layerStates?: LayerStates;
  /** The states of the callbacks whose state is different on each rank. */
  readonly callbacks: readonly CallbackState[];
}

const count = field.integer({ min: 0 });

/** Accepts integers in a range, and Infinity. */
function orEndless(min: number): field.FieldCheck {
  const check = field.integer({ min });
  return (value, path) => value === Infinity ? undefined : check(value, path);
}

/** The fields of a Learner that are part of a run's state, and what each may be in a checkpoint. */
export const FIELDS = {
  epoch: field.integer({ min: 0, below: 2 ** 32 - 1 }),
  epochs: orEndless(0),
  validationEpochs: orEndless(1),
  validationBatches: field.optional(field.integer({ min: 1 })),
  trainings: field.optional(count),
  loaderSeed: field.optional(field.integer()),
  batchSize: count,
  phase: field.oneOf(["train", "validate", "test"]),
  trainLoss: field.measurement,
  validationLoss: field.measurement,
  testLoss: field.measurement,
  metrics: field.recordOf(field.measurement),
} satisfies Partial<Record<keyof AnyFields, field.FieldCheck>>;

const scalar = hostTensorOf([]);

/** Tensors, or arrays and records of tensors. */
const tensors: field.FieldCheck = (value, path) =>
  Array.isArray(value)
    ? field.list(tensors)(value, path)
    : hostTensor(value, path) && field.recordOf(tensors)(value, path);

const someTensors = field.all(
  tensors,
  field.that("must have a tensor", (value) => tensorsOf(value).length > 0),
);

const slots = Object.fromEntries(BATCH_TENSORS.map((name) => [name, field.optional(tensors)]));

const callbacks = field.list(field.record({
  name: field.text,
  passive: field.optional(field.flag),
  observes: field.optional(field.flag),
}));

const index = field.integer({ min: -1 });

const LOSSES = {
  mean: runningMean,
  objectiveMeans: field.optional(field.recordOf(runningMean)),
};

const layerStates = field.optional(field.record({
  current: field.list(hostTensor),
  aside: field.optional(field.list(hostTensor)),
}));

const loader = field.record({
  name: field.oneOf(["train", "validation", "test"]),
  taken: count,
  epoch: field.optional(count),
});

const optimizer = field.record({
  slots: field.optional(field.recordOf(hostTensor)),
  fields: field.optional(
    field.recordOf((value, path) =>
      Array.isArray(value)
        ? field.list(field.tuple(field.text, hostTensor))(value, path)
        : hostTensor(value, path)
    ),
  ),
  iterations: field.optional(count),
  momentum: field.optional(field.number()),
});

const learningRate = field.optional(field.number({ min: 0 }));

const shape = field.record({
  run: field.record({
    pump: checkPumpState,
    layerStates,
    batchIndex: index,
    shards: field.optional(field.integer({ min: 1 })),
    loader: field.optional(loader),
    ...LOSSES,
    outer: field.optional(field.record({ batchIndex: index, loader, ...LOSSES })),
    outerIndex: field.optional(index),
    open: field.optional(field.record({ taken: count, epoch: count })),
    trainedBatches: field.optional(count),
    validatedAt: field.optional(count),
    batch: field.optional(field.record({
      size: count,
      computed: field.flag,
      objective: field.optional(field.text),
      lossWeight: field.optional((value, path) =>
        typeof value === "number" ? field.number({ min: 0 })(value, path) : scalar(value, path)
      ),
      slots: field.record({
        ...slots,
        weights: field.optional(someTensors),
        predictions: field.optional(someTensors),
        loss: field.optional(scalar),
        gradients: field.optional(field.recordOf(hostTensor)),
      }),
    })),
  }),
  fields: field.record(FIELDS),
  learningRate,
  optimizer: field.optional(optimizer),
  objectives: field.optional(field.recordOf(field.record({ optimizer, learningRate }))),
  callbacks,
  own: field.optional(field.list(field.record({ ...LOSSES, layerStates, callbacks }))),
});

/**
 * Decodes the state of a checkpoint without making a tensor, and checks everything in it that needs
 * no Learner.
 *
 * @param checkpoint The checkpoint, whose other fields were checked.
 * @param rename Returns the name in this process of a member of an object.
 * @param name Name of the checkpoint, for errors.
 * @returns The state, with host tensors in the place of tensors.
 * @throws {StorageError} If a field is missing or wrong.
 */
export function checkState(
  checkpoint: RunCheckpoint,
  rename: (key: string) => string,
  name: string,
): State {
  const state = decodeState(checkpoint.state, checkpoint.tensors, { rename, onDevice: false });
  refuse(shape(state, "state") ?? contradiction(checkpoint, state as State), name);
  return state as State;
}

/** Returns the first field that another one contradicts. */
function contradiction(
  { epoch, batch, phase, error }: RunCheckpoint,
  { run, fields }: State,
): field.FieldProblem | undefined {
  const { context } = run.pump.snapshot as { context: { batch: number; error: string | null } };
  const { name, outer, isOpen } = loaderOfState(run.pump);
  const equal = (path: string, value: unknown, other: unknown, source: string) =>
    field.that(`must be ${source}, ${other}`, (value) => value === other)(value, path);
  return equal("epoch", epoch, fields.epoch, "state.fields.epoch") ??
    equal("phase", phase, fields.phase, "state.fields.phase") ??
    equal("batch", batch, context.batch, "the number of batches in state.run.pump") ??
    equal("error", error, context.error, "the error in state.run.pump") ??
    (run.loader && equal("state.run.loader.name", run.loader.name, name, "the loader in use")) ??
    (run.outer &&
      equal("state.run.outer.loader.name", run.outer.loader?.name, outer, "the loader around")) ??
    field.that(
      "must be there, because a pass is open around another one",
      () => run.outer !== undefined || outer === undefined || !isOpen,
    )(run.outer, "state.run.outer") ??
    field.that("must be there, because a pass is open", () => run.loader !== undefined || !isOpen)(
      run.loader,
      "state.run.loader",
    ) ??
    batchContradiction(run);
}

/** Host tensors in arrays and records that were checked. */
function tensorsOf(nested: unknown): HostTensor[] {
  if (nested === undefined) return [];
  return hostTensor(nested, "") ? Object.values(nested as object).flatMap(tensorsOf) : [
    nested as HostTensor,
  ];
}

/** A batch of a checkpoint is one whose after hooks are running: those that are left need it. */
function batchContradiction({ batch, loader, pump: { hook } }: RunState) {
  if (!batch) return;
  const path = "state.run.batch";
  if (!hook || !loader) {
    return field.that("must be missing, because no batch is open", () => false)(batch, path);
  }
  const needed = hook.left > 0 ? ["data", "labels"] : [];
  if (batch.computed) needed.push("loss");
  if (batch.computed && hook.left > 0) {
    needed.push("predictions", ...loader.name === "train" ? ["gradients"] : []);
  }
  const size = tensorsOf(batch.slots.data)[0]?.shape[0];
  if (hook.left > 0 && size !== batch.size) {
    const required = `must be ${size}, the length of state.run.batch.slots.data`;
    return field.that(required, () => false)(batch.size, `${path}.size`);
  }
  const present = field.that("must be there", () => false);
  const missing = needed.find((name) =>
    name === "labels"
      ? !Object.hasOwn(batch.slots, name)
      : batch.slots[name as "data"] === undefined
  );
  return missing && present(undefined, `${path}.slots.${missing}`) || undefined;
}

/**
 * Trains machine-learning models: a statechart says when things happen, TensorFlow.js does the
 * numbers, and callbacks do everything else.
 *
 * You give a {@linkcode Learner} a model, an optimizer, a loss and data, and call `train()`. What
 * else is wanted is one more entry in `callbacks`: measuring, showing progress, changing the
 * learning rate, stopping early, saving. A callback is an object with hooks such as `afterEpoch`;
 * it may read and change every field of the Learner, and throw {@linkcode CancelBatch},
 * {@linkcode CancelEpoch} or {@linkcode CancelTrain}. An after hook always runs, also after a
 * cancel or an error.
 *
 * @example A network that separates two classes
 * ```ts
 * import {
 *   accuracy,
 *   adam,
 *   crossEntropy,
 *   DataLoader,
 *   EarlyStopping,
 *   Learner,
 *   Metrics,
 *   selectBackend,
 *   split,
 *   TensorDataset,
 *   tf,
 * } from "@trainchart/trainchart";
 * import { assertGreater } from "@std/assert";
 *
 * await selectBackend({ quiet: true }); // the fastest that works here
 *
 * const points = tf.randomUniform([300, 2], -1, 1, "float32", 1);
 * const above = tf.tidy(() => points.sum(1).greater(0).toInt()); // 1 where x + y > 0
 * const dataset = new TensorDataset({ data: points, labels: above });
 * const [train, validation] = split(dataset, [0.8, 0.2], { seed: 1 });
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] }),
 *   optimizer: adam(0.1),
 *   lossFunction: crossEntropy, // takes logits
 *   dataloaders: {
 *     train: new DataLoader({ dataset: train, batchSize: 32, shuffle: true }),
 *     validation: new DataLoader({ dataset: validation, batchSize: 60 }),
 *   },
 *   callbacks: [
 *     new Metrics({ accuracy }),
 *     new EarlyStopping({ monitor: "validation.accuracy", patience: 3, restoreBest: true }),
 *   ],
 *   seed: 1,
 * });
 * const { metrics } = await learner.train({ epochs: 20 });
 * assertGreater(metrics["validation.accuracy"], 0.9);
 * ```
 *
 * This entry point holds what the first month needs. The others hold all of their kind: `callbacks`,
 * `schedules`, `data`, `metrics`, `io`; and what costs more to load: `plots`, `inspect`, `live`, `chart`,
 * `distributed`, `sweep`.
 *
 * @module
 */
export { tf } from "./src/deps/tfjs.ts";

// The Learner
export { Learner, type LearnerOptions, type TrainOptions } from "./src/learner/learner.ts";
export type { AnyObjective, LearnerObjective, Stages } from "./src/learner/own_steps.ts";
export {
  type AnyStages,
  LearnerFields,
  type LearnerParts,
  type LossOf,
} from "./src/learner/learner_fields.ts";
export type {
  Dataloaders,
  RunActor,
  RunEvent,
  RunOptions,
  RunSnapshot,
  TrainResult,
} from "./src/learner/run_interface.ts";
export type { StepState } from "./src/learner/compiled_step.ts";
export type { PredictOptions } from "./src/learner/predict.ts";
export type { ReadBatchesOptions } from "./src/learner/pass.ts";
export type { Failure } from "./src/learner/run.ts";
export { withSeed } from "./src/random/random_numbers.ts";
export type { Model } from "./src/model/model.ts";
export type { ModelStructure } from "./src/model/model_structure.ts";
export type { LayerSummary, ModelSummary } from "./src/model/summarize.ts";

// Writing a callback
export {
  type AnyLearner,
  Callback,
  type CallbackLike,
  type MeasuredPhase,
  type PassCallback,
  type StateCheck,
} from "./src/learner/callback.ts";
export type { FieldCheck, FieldProblem } from "./src/checks/fields.ts";
export type {
  AnyCallback,
  BatchPlace,
  CallbackOf,
  Hooks,
  Placement,
  PutBack,
  Stateful,
  Steering,
  Watch,
} from "./src/learner/callback_protocol.ts";
export { PRIORITIES } from "./src/learner/callback_list.ts";
export { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "./src/errors.ts";
export type { RunKind } from "./src/chart/chart.ts";
export type { Cancellable, HookName, Phase, TaskName } from "./src/chart/hooks.ts";

// Callbacks
export { Checkpoint, type CheckpointOptions } from "./src/callbacks/checkpoint.ts";
export { EarlyStopping, type EarlyStoppingOptions } from "./src/callbacks/early_stopping.ts";
export {
  LearningRateSchedule,
  type LearningRateScheduleOptions,
} from "./src/callbacks/learning_rate_schedule.ts";
export { Metrics, type MetricsOptions } from "./src/callbacks/metrics.ts";
export { ProgressBar } from "./src/callbacks/progress_bar.ts";
export { Recorder, type RecorderOptions } from "./src/callbacks/recorder.ts";
export type { MonitorOptions } from "./src/callbacks/support/monitor.ts";
export type { TerminalOptions } from "./src/callbacks/support/terminal.ts";
export type {
  BatchRecord,
  EpochRecord,
  History,
  PictureOptions,
  Plot,
  ValidationRecord,
} from "./src/pictures.ts";
export {
  cosine,
  oneCycle,
  type OneCycleOptions,
  type RateAndMomentum,
  type Schedule,
} from "./src/schedules/schedule.ts";

// Metrics
export { accuracy, type AccuracyOptions, type ClassMetricOptions } from "./src/metrics/classes.ts";
export type { Metric, MetricInputs, StatefulMetric } from "./src/metrics/metric.ts";

// Losses and optimizers
export {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  huber,
  type HuberOptions,
  meanSquaredError,
} from "./src/losses/elementwise_losses.ts";
export {
  crossEntropy,
  type CrossEntropyOptions,
  focalLoss,
  type FocalLossOptions,
} from "./src/losses/class_losses.ts";
export type { ClassLossOptions } from "./src/losses/class_targets.ts";
export {
  type ExampleWeights,
  type Loss,
  lossPerOutput,
  type LossWeight,
  weighLoss,
} from "./src/losses/loss_inputs.ts";
export { adam, type AdamOptions, adamW } from "./src/optimizers/adam.ts";
export { rmsprop, type RmspropOptions, sgd, type SgdOptions } from "./src/optimizers/sgd.ts";
export {
  type OptimizerOptions,
  SlotOptimizer,
  type UpdateAttributes,
} from "./src/optimizers/slot_optimizer.ts";
export type { ParameterGroup } from "./src/optimizers/parameter_groups.ts";
export { groupsByDepth, type GroupsByDepthOptions } from "./src/model/named_variables.ts";

// Data
export {
  type ArrayColumn,
  type Columns,
  type Gathered,
  TensorDataset,
} from "./src/data/tensor_dataset.ts";
export {
  ArrayDataset,
  type Batch,
  type CsvTable,
  type Dataset,
  type NdArray,
  type TypedArray,
} from "./src/data/dataset.ts";
export type { BatchIterator } from "./src/data/batch_iterator.ts";
export { DataLoader, type DataLoaderOptions } from "./src/data/data_loader.ts";
export type {
  BatchLike,
  BatchSource,
  IterateOptions,
  Loader,
  Peers,
  SeekableLoader,
  Shard,
  TensorFlowDataset,
  Unlabelled,
} from "./src/data/loader.ts";
export { type Classes, split, type SplitOptions, subset } from "./src/data/example_order.ts";
export type { TableRow } from "./src/tables/columns.ts";
export type { Tensors } from "./src/tensors/nested_tensors.ts";

// Files
export { loadCheckpoint, type RunCheckpoint, saveCheckpoint } from "./src/io/checkpoint_file.ts";
export type { Dtype, HostTensor, HostValues } from "./src/io/host_tensor.ts";
export { StorageError, type StorageProblem } from "./src/io/files.ts";

// Backends
export {
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  selectBackend,
} from "./src/backend/select_backend.ts";
export type { NativeName } from "./src/backend/native/native_library.ts";
export type { WasmFile, WasmOptions } from "./src/backend/start_wasm.ts";

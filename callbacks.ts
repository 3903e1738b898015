/**
 * Every callback, the schedules, and what you need to write a callback of your own.
 *
 * A callback does one thing beside the training: it measures, shows, saves, stops or changes
 * something. Callbacks run in ascending priority, in bands that {@linkcode PRIORITIES} names: mode,
 * data, yours, metrics, schedules, checkpoints, stopping, display. So a metric is there when early
 * stopping looks at it, and the display shows the final numbers. `learner.describe()` lists the
 * callbacks of a Learner in that order.
 *
 * @example Change the learning rate, and stop when it no longer helps
 * ```ts
 * import { Learner, meanSquaredError, sgd, tf } from "@trainchart/trainchart";
 * import {
 *   EarlyStopping,
 *   LearningRateSchedule,
 *   MaxTime,
 *   Recorder,
 *   schedules,
 * } from "@trainchart/trainchart/callbacks";
 * import { assert } from "@std/assert";
 *
 * const recorder = new Recorder();
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(0.1),
 *   lossFunction: meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])]] },
 *   callbacks: [
 *     new LearningRateSchedule(schedules.warmup(schedules.cosine(0.3), { part: 0.1 })),
 *     new EarlyStopping({ monitor: "train.loss", patience: 5, minDelta: 1e-6 }),
 *     new MaxTime(60),
 *     recorder,
 *   ],
 * });
 * await learner.train({ epochs: 50 });
 * assert(recorder.history.epochs.at(-1)!.metrics["train.loss"] < 0.1);
 * ```
 *
 * @module
 */

// Writing a callback
export {
  type AnyLearner,
  Callback,
  type CallbackLike,
  type MeasuredPhase,
  PassCallback,
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
export { Monitor, type MonitorOptions } from "./src/callbacks/support/monitor.ts";
export { EpochLogger } from "./src/callbacks/support/epoch_logger.ts";
export { FileLogger, type FileLoggerOptions } from "./src/callbacks/support/file_logger.ts";
export { type MixedData, MixExamples } from "./src/callbacks/support/mix_examples.ts";
export { LayerStats, type LayerStatsOptions } from "./src/callbacks/support/layer_stats.ts";
export { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "./src/errors.ts";

// Measuring and recording
export { ConfusionMatrix, type ConfusionMatrixOptions } from "./src/callbacks/confusion_matrix.ts";
export { Metrics, type MetricsOptions } from "./src/callbacks/metrics.ts";
export { Recorder, type RecorderOptions } from "./src/callbacks/recorder.ts";
export type { BatchRecord, EpochRecord, History, Plot, ValidationRecord } from "./src/pictures.ts";

// Showing and logging
export { CsvLogger, type CsvLoggerOptions } from "./src/callbacks/csv_logger.ts";
export { JsonLinesLogger, type JsonLinesLoggerOptions } from "./src/callbacks/json_lines_logger.ts";
export { type Notice, Notify, type NotifyOptions } from "./src/callbacks/notify.ts";
export { ProgressBar } from "./src/callbacks/progress_bar.ts";
export type { TerminalOptions } from "./src/callbacks/support/terminal.ts";
export { TensorBoard, type TensorBoardOptions } from "./src/callbacks/tensor_board.ts";

// Learning rates
export {
  LearningRateFinder,
  type LearningRateFinderOptions,
  type LearningRatePoint,
  type SuggestedRates,
} from "./src/callbacks/learning_rate_finder.ts";
export {
  LearningRateSchedule,
  type LearningRateScheduleOptions,
} from "./src/callbacks/learning_rate_schedule.ts";
export { ReduceOnPlateau, type ReduceOnPlateauOptions } from "./src/callbacks/reduce_on_plateau.ts";

/**
 * All schedules. `@trainchart/trainchart/schedules` exports them one by one.
 *
 * @category Schedules
 */
export * as schedules from "./schedules.ts";

// Stopping and limits
export { EarlyStopping, type EarlyStoppingOptions } from "./src/callbacks/early_stopping.ts";
export { fastDevRun, type FastDevRunOptions } from "./src/callbacks/fast_dev_run.ts";
export {
  type BatchLimits,
  LimitBatches,
  type LimitBatchesOptions,
} from "./src/callbacks/limit_batches.ts";
export { MaxSteps } from "./src/callbacks/max_steps.ts";
export { MaxTime, type MaxTimeOptions } from "./src/callbacks/max_time.ts";
export { OverfitOneBatch, type OverfitOneBatchOptions } from "./src/callbacks/overfit_one_batch.ts";
export { SanityCheck, type SanityCheckOptions } from "./src/callbacks/sanity_check.ts";
export { StopOnNaN, type StopOnNaNOptions } from "./src/callbacks/stop_on_nan.ts";

// Gradients and weights
export { fineTune, type FineTuneOptions } from "./src/callbacks/fine_tune.ts";
export { Freeze, type FreezeOptions } from "./src/callbacks/freeze.ts";
export { GradientAccumulation } from "./src/callbacks/gradient_accumulation.ts";
export { GradientClip, type GradientClipOptions } from "./src/callbacks/gradient_clip.ts";
export { GradualUnfreeze, type GradualUnfreezeOptions } from "./src/callbacks/gradual_unfreeze.ts";
export type { WeightMatch } from "./src/callbacks/support/check_weight_match.ts";
export { WeightAverage, type WeightAverageOptions } from "./src/callbacks/weight_average.ts";

// Data and labels
export { CutMix, type CutMixOptions } from "./src/callbacks/cut_mix.ts";
export { MixUp, type MixUpOptions } from "./src/callbacks/mix_up.ts";
export {
  type BatchTransform,
  TransformBatch,
  type TransformBatchOptions,
  type TransformedBatch,
  type TransformPhase,
} from "./src/callbacks/transform_batch.ts";

// Saving
export { Checkpoint, type CheckpointOptions } from "./src/callbacks/checkpoint.ts";

// Finding out what happens
export { ActivationStats } from "./src/callbacks/activation_stats.ts";
export { GradientStats } from "./src/callbacks/gradient_stats.ts";
export type {
  Histogram,
  LayerRecord,
  TensorStats,
  TensorStatsOptions,
} from "./src/tensors/tensor_stats.ts";
export { type Leak, LeakGuard, type LeakGuardOptions } from "./src/callbacks/leak_guard.ts";
export {
  type EpochThroughput,
  Throughput,
  type ThroughputOptions,
} from "./src/callbacks/throughput.ts";
export { type PhaseTime, type StepCounts, Timer, type WorkTime } from "./src/callbacks/timer.ts";
export { Trace, type TraceOptions } from "./src/callbacks/trace.ts";
export type { ChromeTrace, ChromeTraceEvent } from "./src/callbacks/support/chrome_trace.ts";
export type { TraceRecord } from "./src/callbacks/support/trace_record.ts";

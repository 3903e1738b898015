/**
 * Trainchart.
 *
 * @module
 */
export { tf } from "./src/deps/tfjs.ts";

// The Learner and its callbacks
export { Learner, type LearnerOptions, type TrainOptions } from "./src/learner/learner.ts";
export type { Objective } from "./src/learner/objective.ts";
export type { Stages } from "./src/learner/stages.ts";
export { LearnerFields, type LearnerParts } from "./src/learner/learner_fields.ts";
export type { Dataloaders, RunOptions } from "./src/learner/options.ts";
export type { TrainResult } from "./src/learner/train_result.ts";
export type { LayerSummary, ModelSummary } from "./src/model/summarize.ts";
export type { RunActor, RunEvent, RunSnapshot } from "./src/learner/run_actor.ts";
export type { Failure } from "./src/learner/run.ts";
export type { Model } from "./src/model/model.ts";
export type { BatchLike, Unlabelled } from "./src/data/to_batch.ts";
export type {
  BatchSource,
  IterateOptions,
  Loader,
  SeekableLoader,
  TensorFlowDataset,
} from "./src/data/loader.ts";
export { withSeed } from "./src/learner/with_seed.ts";
export { type AnyLearner, Callback, type CallbackLike } from "./src/learner/callback.ts";
export type {
  AnyCallback,
  CallbackOf,
  Hooks,
  Placement,
  Stateful,
  Steering,
  Watch,
} from "./src/learner/callback_protocol.ts";
export { type MeasuredPhase, PassCallback } from "./src/learner/pass_callback.ts";
export { Metrics, type MetricsOptions } from "./src/callbacks/metrics.ts";
export { ProgressBar } from "./src/callbacks/progress_bar.ts";
export { Recorder } from "./src/callbacks/recorder.ts";
export type { BatchRecord, EpochRecord, History } from "./src/plots/history_plot.ts";
export { EpochLogger } from "./src/callbacks/support/epoch_logger.ts";
export { CsvLogger } from "./src/callbacks/csv_logger.ts";
export { JsonLinesLogger, type JsonLinesLoggerOptions } from "./src/callbacks/json_lines_logger.ts";
export { type PhaseTime, Timer, type WorkTime } from "./src/callbacks/timer.ts";
export { type Leak, LeakGuard, type LeakGuardOptions } from "./src/callbacks/leak_guard.ts";
export { ConfusionMatrix, type ConfusionMatrixOptions } from "./src/callbacks/confusion_matrix.ts";
export { type Notice, Notify, type NotifyOptions } from "./src/callbacks/notify.ts";
export { ActivationStats } from "./src/callbacks/activation_stats.ts";
export { GradientStats } from "./src/callbacks/gradient_stats.ts";
export type { LayerRecord } from "./src/plots/layers_plot.ts";
export { LayerStats, type LayerStatsOptions } from "./src/callbacks/support/layer_stats.ts";
export { TensorBoard, type TensorBoardOptions } from "./src/callbacks/tensor_board.ts";
export type { Histogram, TensorStats, TensorStatsOptions } from "./src/tensors/tensor_stats.ts";
export { curvePlot, type CurvePlotOptions } from "./src/plots/curve_plot.ts";
export { type Report, writeReport } from "./src/plots/write_report.ts";
export { Drawing } from "./src/plots/drawing.ts";
export { Picture } from "./src/plots/picture.ts";
export type { TerminalOptions } from "./src/callbacks/support/terminal.ts";
// Callbacks: schedules
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
export * as schedules from "./schedules.ts";

// Callbacks: stopping and limits
export { EarlyStopping, type EarlyStoppingOptions } from "./src/callbacks/early_stopping.ts";
export { fastDevRun, type FastDevRunOptions } from "./src/callbacks/fast_dev_run.ts";
export { type BatchLimits, LimitBatches } from "./src/callbacks/limit_batches.ts";
export { MaxSteps } from "./src/callbacks/max_steps.ts";
export { MaxTime, type MaxTimeOptions } from "./src/callbacks/max_time.ts";
export { OverfitOneBatch, type OverfitOneBatchOptions } from "./src/callbacks/overfit_one_batch.ts";
export { SanityCheck, type SanityCheckOptions } from "./src/callbacks/sanity_check.ts";
export { StopOnNaN, type StopOnNaNOptions } from "./src/callbacks/stop_on_nan.ts";

// Callbacks: gradients and weights
export { Freeze, type FreezeOptions } from "./src/callbacks/freeze.ts";
export { GradientAccumulation } from "./src/callbacks/gradient_accumulation.ts";
export { GradientClip, type GradientClipOptions } from "./src/callbacks/gradient_clip.ts";
export { WeightAverage, type WeightAverageOptions } from "./src/callbacks/weight_average.ts";

// Callbacks: data and labels
export { CutMix, type CutMixOptions } from "./src/callbacks/cut_mix.ts";
export { MixUp, type MixUpOptions } from "./src/callbacks/mix_up.ts";
export {
  type BatchTransform,
  TransformBatch,
  type TransformBatchOptions,
  type TransformedBatch,
} from "./src/callbacks/transform_batch.ts";

// Callbacks: to write your own
export { Monitor, type MonitorOptions } from "./src/callbacks/support/monitor.ts";
export { PRIORITIES } from "./src/learner/priorities.ts";

// Metrics
export { accuracy } from "./src/metrics/accuracy.ts";
export type { Metric } from "./src/metrics/metric.ts";
export type { StatefulMetric } from "./src/metrics/stateful_metric.ts";
export type { AveragingOptions } from "./src/metrics/averaging.ts";
export { confusion } from "./src/metrics/confusion.ts";
export { f1 } from "./src/metrics/f1.ts";
export { meanAbsoluteError } from "./src/metrics/mean_absolute_error.ts";
export { precision } from "./src/metrics/precision.ts";
export { recall } from "./src/metrics/recall.ts";
export { rocAuc, type RocAucOptions } from "./src/metrics/roc_auc.ts";
export { rSquared } from "./src/metrics/r_squared.ts";
export { topK } from "./src/metrics/top_k.ts";
export { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "./src/errors.ts";
export {
  type Cancellable,
  HOOK_NAMES,
  type HookName,
  type Phase,
  type TaskName,
} from "./src/chart/hooks.ts";

// Data: what there is to learn from
export type { ArrayColumn } from "./src/data/array_gatherer.ts";
export { ArrayDataset } from "./src/data/array_dataset.ts";
export type { Batch, Dataset } from "./src/data/dataset.ts";
export type { NdArray, TypedArray } from "./src/data/nd_array.ts";
export type { Peers, Shard } from "./src/data/shard.ts";
export { split } from "./src/data/split.ts";
export { subset } from "./src/data/subset.ts";
export { type Columns, type Gathered, TensorDataset } from "./src/data/tensor_dataset.ts";

// Data: batch by batch
export { BatchIterator } from "./src/data/batch_iterator.ts";
export { DataLoader, type DataLoaderOptions } from "./src/data/data_loader.ts";

// Data: files
export { csvDataset } from "./src/data/csv_dataset.ts";
export { type CsvTable, parseCsv } from "./src/data/parse_csv.ts";
export { parseIdx } from "./src/data/parse_idx.ts";
export { readCsv } from "./src/data/read_csv.ts";
export { readIdx } from "./src/data/read_idx.ts";

// Random numbers without hidden state
export { keyedRandom } from "./src/random/keyed_random.ts";
export { mixKey } from "./src/random/mix_key.ts";
export { permutation } from "./src/random/permutation.ts";
export type { WasmOptions } from "./src/backend/start_wasm.ts";
export {
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  selectBackend,
} from "./src/backend/select_backend.ts";
export {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
} from "./src/losses/binary_cross_entropy.ts";
export { crossEntropy, type CrossEntropyOptions } from "./src/losses/cross_entropy.ts";
export { huber, type HuberOptions } from "./src/losses/huber.ts";
export { meanSquaredError } from "./src/losses/mean_squared_error.ts";
export { adam, type AdamOptions, adamW } from "./src/optimizers/adam.ts";
export { rmsprop, type RmspropOptions } from "./src/optimizers/rmsprop.ts";
export { sgd, type SgdOptions } from "./src/optimizers/sgd.ts";
export {
  type OptimizerOptions,
  type ParameterGroup,
  SlotOptimizer,
  type UpdateAttributes,
} from "./src/optimizers/slot_optimizer.ts";

// Files
export { type Dtype, DTYPES, type HostTensor, type HostValues } from "./src/io/host_tensor.ts";
export { SafetensorsFile } from "./src/io/safetensors_file.ts";
export type { HeaderEntry } from "./src/io/safetensors_header.ts";
export { StorageError, type StorageProblem } from "./src/io/storage_error.ts";
export { toTensor } from "./src/io/to_tensor.ts";
export { writeSafetensors } from "./src/io/write_safetensors.ts";
export type { ModelStructure } from "./src/model/model_structure.ts";
export { loadCheckpoint, type RunCheckpoint, saveCheckpoint } from "./src/io/checkpoint_file.ts";
export { Checkpoint, type CheckpointOptions } from "./src/callbacks/checkpoint.ts";

// Models in and out
export { exportModel } from "./src/io/export_model.ts";
export { fileHandler } from "./src/io/file_handler.ts";
export { loadWeights, type LoadWeightsOptions, saveWeights } from "./src/io/weights.ts";

// Seeing and steering a run
export { LiveFeed, type LiveFeedOptions, type LiveSeat } from "./src/live/live_feed.ts";
export type { LiveViewer } from "./src/live/live_seats.ts";
export { LivePage, type LivePageOptions } from "./src/live/live_page.ts";

// Seeing the machine
export { chartToMermaid, type ChartToMermaidOptions } from "./src/diagram/chart_to_mermaid.ts";
export { ChartPicture } from "./src/diagram/chart_picture.ts";
export { chartToSvg, type ChartToSvgOptions } from "./src/diagram/chart_to_svg.ts";
export { inspector, type InspectorOptions, type RunInspector } from "./src/inspect/inspector.ts";
export { replay, type ReplayedStep, ReplayError } from "./src/inspect/replay.ts";
export { Trace, type TraceOptions } from "./src/callbacks/trace.ts";
export type { TraceRecord } from "./src/callbacks/support/trace_record.ts";
export type { ChromeTrace, ChromeTraceEvent } from "./src/callbacks/support/chrome_trace.ts";

/**
 * Every function and class that takes options refuses those that it does not know: a misspelt option
 * would be ignored in silence. Whatever is exported has a row here.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as callbacks from "../../callbacks.ts";
import * as chart from "../../chart.ts";
import * as data from "../../data.ts";
import * as distributed from "../../distributed.ts";
import * as inspect from "../../inspect.ts";
import * as io from "../../io.ts";
import * as live from "../../live.ts";
import * as metrics from "../../metrics.ts";
import * as main from "../../mod.ts";
import * as plots from "../../plots.ts";
import * as schedules from "../../schedules.ts";
import * as sweeps from "../../sweep.ts";
import { tf } from "../../mod.ts";

const entries = { ...callbacks, ...chart, ...data, ...distributed, ...inspect, ...io, ...live };
const exported: Record<string, unknown> = {
  ...entries,
  ...{ ...metrics, ...main, ...plots, ...schedules, ...sweeps },
};

// deno-lint-ignore no-explicit-any -- options that the compiler would refuse
type Options = any;

const one = () => tf.ones([2]);
const model = () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
const dataset = () => new data.TensorDataset({ data: one(), labels: one() });
const table = { columns: ["x"], rows: [["1"]], lines: [2] };

/** Calls each export with options. */
const TABLE: Record<string, (options: Options) => unknown> = {
  // Callbacks
  ActivationStats: (o) => new callbacks.ActivationStats(o),
  Checkpoint: (o) => new callbacks.Checkpoint("x", o),
  ConfusionMatrix: (o) => new callbacks.ConfusionMatrix(o),
  CsvLogger: (o) => new callbacks.CsvLogger("x", o),
  CutMix: (o) => new callbacks.CutMix(o),
  EarlyStopping: (o) => new callbacks.EarlyStopping(o),
  Freeze: (o) => new callbacks.Freeze(/x/, o),
  GradualUnfreeze: (o) => new callbacks.GradualUnfreeze(o),
  GradientClip: (o) => new callbacks.GradientClip({ norm: 1, ...o }),
  GradientStats: (o) => new callbacks.GradientStats(o),
  JsonLinesLogger: (o) => new callbacks.JsonLinesLogger("x", o),
  LeakGuard: (o) => new callbacks.LeakGuard(o),
  LearningRateFinder: (o) => new callbacks.LearningRateFinder(o),
  LearningRateSchedule: (o) => new callbacks.LearningRateSchedule(schedules.cosine(1), o),
  LimitBatches: (o) => new callbacks.LimitBatches({ train: 1, ...o }),
  MaxTime: (o) => new callbacks.MaxTime(1, o),
  Metrics: (o) => new callbacks.Metrics({}, o),
  MixUp: (o) => new callbacks.MixUp(o),
  Monitor: (o) => new callbacks.Monitor("x", o),
  Notify: (o) => new callbacks.Notify(() => {}, o),
  OverfitOneBatch: (o) => new callbacks.OverfitOneBatch(o),
  ProgressBar: (o) => new callbacks.ProgressBar(o),
  Recorder: (o) => new callbacks.Recorder(o),
  ReduceOnPlateau: (o) => new callbacks.ReduceOnPlateau(o),
  SanityCheck: (o) => new callbacks.SanityCheck(o),
  StopOnNaN: (o) => new callbacks.StopOnNaN(o),
  TensorBoard: (o) => new callbacks.TensorBoard("x", o),
  Throughput: (o) => new callbacks.Throughput(o),
  Trace: (o) => new callbacks.Trace(o),
  TransformBatch: (o) => new callbacks.TransformBatch(() => ({}), o),
  WeightAverage: (o) => new callbacks.WeightAverage(o),
  fastDevRun: (o) => callbacks.fastDevRun({} as never, o),
  fineTune: (o) => callbacks.fineTune({} as never, o),
  LiveFeed: (o) => new live.LiveFeed(o),
  LivePage: (o) => new live.LivePage(o),
  // The Learner, losses, optimizers
  Learner: (o) =>
    new main.Learner({ model: model(), optimizer: "sgd", lossFunction: main.huber, ...o }),
  selectBackend: (o) => main.selectBackend(o),
  adam: (o) => main.adam(1, o),
  adamW: (o) => main.adamW(1, o),
  rmsprop: (o) => main.rmsprop(1, o),
  sgd: (o) => main.sgd(1, o),
  binaryCrossEntropy: (o) => main.binaryCrossEntropy(one(), one(), o),
  crossEntropy: (o) => main.crossEntropy(tf.ones([2, 2]), one(), o),
  focalLoss: (o) => main.focalLoss(tf.ones([2, 2]), one(), o),
  huber: (o) => main.huber(one(), one(), o),
  meanSquaredError: (o) => main.meanSquaredError(one(), one(), o),
  lossPerOutput: (o) => main.lossPerOutput({}, o),
  // Metrics
  accuracy: (o) => metrics.accuracy(tf.ones([2, 2]), one(), o),
  confusion: (o) => metrics.confusion(tf.ones([2, 2]), one(), o),
  f1: (o) => metrics.f1(o),
  meanAbsoluteError: (o) => metrics.meanAbsoluteError(one(), one(), o),
  perplexity: (o) => metrics.perplexity(o),
  precision: (o) => metrics.precision(o),
  recall: (o) => metrics.recall(o),
  rocAuc: (o) => metrics.rocAuc(o),
  topK: (o) => metrics.topK(1, o),
  // Data and files
  DataLoader: (o) => new data.DataLoader({ dataset: dataset(), batchSize: 1, ...o }),
  TensorDataset: (o) => new data.TensorDataset({ data: one(), labels: one(), ...o }),
  csvDataset: (o) => data.csvDataset(table, { data: ["x"], labels: "x", ...o }),
  parseCsv: (o) => data.parseCsv("x\n1", o),
  readCsv: (o) => data.readCsv("missing.csv", o),
  split: (o) => data.split(dataset(), [0.5, 0.5], o),
  kFold: (o) => data.kFold(dataset(), 2, o),
  loadWeights: (o) => io.loadWeights(model(), "missing", o),
  // Pictures, machines, schedules, sweeps
  curvePlot: (o) => plots.curvePlot([], o),
  writeReport: (o) => plots.writeReport("/dev/null", o),
  chartToMermaid: (o) => inspect.chartToMermaid(undefined, o),
  chartToSvg: (o) => inspect.chartToSvg(undefined, o),
  inspector: (o) => inspect.inspector(o),
  cosineRestarts: (o) => schedules.cosineRestarts(1, 0, o),
  linearWarmup: (o) => schedules.linearWarmup(1, o),
  oneCycle: (o) => schedules.oneCycle(1, o),
  warmup: (o) => schedules.warmup(schedules.cosine(1), { part: 0.1, ...o }),
};

/** Exports that take no options, or are no functions to be called. */
const NONE = new Set([
  // Base classes and classes that the package makes.
  ...["BatchIterator", "Callback", "Drawing", "EpochLogger", "FileLogger", "LayerStats"],
  ...["LearnerFields", "MixExamples", "PassCallback", "SlotOptimizer", "SweepResult", "Trial"],
  ...["SafetensorsFile", "ReplayError", "StorageError", "TableEncoder"],
  ...["CancelBatch", "CancelEpoch", "CancelTrain", "Cancellation"],
  // Functions and classes of plain arguments.
  ...["ChartPicture", "GradientAccumulation", "MaxSteps", "Picture", "Timer", "DataParallel"],
  ...["ArrayDataset", "choice", "constant", "cosine", "exponential", "exportModel", "fileHandler"],
  ...["integer", "keyedRandom", "loadCheckpoint", "logUniform", "metricOfOutput", "mixKey", "mpi"],
  ...["parseIdx", "permutation", "rSquared", "readIdx", "replay", "saveCheckpoint", "saveWeights"],
  ...["sequence", "subset", "toTensor", "uniform", "weighLoss", "withSeed", "writeSafetensors"],
  ...["polynomial", "step", "groupsByDepth"],
  // Checked by tests of their own, with the files that they need.
  ...["sweep", "dateParts", "numeric", "oneHot", "ordinal", "splitTable", "tableDataset"],
]);

for (const [name, call] of Object.entries(TABLE)) {
  Deno.test(`${name}() refuses an option that it does not know`, async () => {
    assert(name in exported, `${name} is not exported`);
    tf.engine().startScope();
    try {
      const error = await Promise.resolve().then(() => call({ unheardOf: 1 })).then(
        () => undefined,
        (error) => error,
      );
      assert(error instanceof TypeError, `it says ${error ?? "nothing"}`);
      assert(error.message.includes("unheardOf"), error.message);
    } finally {
      tf.engine().endScope();
    }
  });
}

/** The options that are true or false. */
const FLAGS: Record<string, string[]> = {
  ...{ Checkpoint: ["signals"], EarlyStopping: ["restoreBest"], Freeze: ["updateStatistics"] },
  ...{ GradualUnfreeze: ["updateStatistics"], fineTune: ["updateStatistics"] },
  ...{ LimitBatches: ["continueLoader"], ProgressBar: ["live"], StopOnNaN: ["gradients"] },
  ...{ Throughput: ["publish"], Learner: ["compile"], selectBackend: ["quiet", "relaxed"] },
  ...{ sgd: ["nesterov"], DataLoader: ["shuffle", "dropLast"], split: ["shuffle"] },
  ...{ kFold: ["shuffle"], loadWeights: ["strict"], curvePlot: ["logX", "logY"] },
  binaryCrossEntropy: ["probabilities"],
  ...Object.fromEntries(
    ["crossEntropy", "focalLoss", "accuracy", "confusion", "f1", "precision", "recall", "rocAuc"]
      .map((name) => [name, ["probabilities"]]),
  ),
};

for (const [name, flags] of Object.entries(FLAGS)) {
  for (const flag of flags) {
    Deno.test(`${name}({ ${flag} }) refuses what is no boolean`, async () => {
      tf.engine().startScope();
      try {
        for (const value of ["yes", 1, null]) {
          const error = await Promise.resolve().then(() => TABLE[name]({ [flag]: value })).then(
            () => undefined,
            (error) => error,
          );
          assert(error instanceof TypeError, `it says ${error ?? "nothing"}`);
          assert(error.message.includes(`${flag} must be a boolean: current`), error.message);
        }
      } finally {
        tf.engine().endScope();
      }
    });
  }
}

Deno.test("every exported function and class has a row", () => {
  const functions = Object.keys(exported).filter((name) => typeof exported[name] === "function");
  assertEquals(functions.filter((name) => !(name in TABLE) && !NONE.has(name)), []);
});

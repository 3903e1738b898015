import { bytes } from "../io/host_tensor.ts";
import * as field from "../checks/fields.ts";
import { checkNumber } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { cutFile } from "../io/left_file.ts";
import { summaryRecord, type SummaryValue, versionRecord } from "../io/event_file.ts";
import { writeFile } from "../io/files.ts";
import { type AnyLearner, metricsOfPhase } from "../learner/callback.ts";
import type { EpochRecord } from "../pictures.ts";
import { tensorStats } from "../tensors/tensor_stats.ts";
import { FileLogger, type FileLoggerOptions } from "./support/file_logger.ts";
import { GrowingFile } from "./support/growing_file.ts";

/**
 * Options of {@linkcode TensorBoard}.
 *
 * @category Callbacks
 */
export interface TensorBoardOptions extends FileLoggerOptions {
  /** Histograms of the weights after every so many epochs, an integer >= 0; 0: none. Default: 1. */
  histogramEpochs?: number;
  /** Texts in Markdown to show beside the run, by title. Default: none. */
  texts?: Record<string, string>;
}

/**
 * Writes event files for TensorBoard: `tensorboard --logdir FOLDER`.
 *
 * Scalars, for each epoch: all metrics, by phase (`loss` under `train/` and `validation/`), the
 * learning rate and the seconds. Histograms: the trained weights. Texts: the settings of the run,
 * and yours. Each training writes a file of its own into the folder; give each experiment a folder
 * of its own. The step of every value is the number of completed epochs.
 *
 * @example
 * ```ts
 * import { TensorBoard } from "@trainchart/trainchart/callbacks";
 *
 * const board = new TensorBoard("runs/baseline", { texts: { notes: "The **first** try." } });
 * ```
 *
 * @category Callbacks
 */
export class TensorBoard extends FileLogger {
  /** The folder of the files. */
  readonly folder: string;
  readonly #histogramEpochs: number;
  readonly #texts: Record<string, string>;
  /** The file of the last training. */
  #file: GrowingFile | undefined;
  #name: string | undefined;
  /** Number of bytes that are written. */
  #size = 0;

  /**
   * Checks the options; writes nothing yet.
   *
   * @param folder The folder of the files; it is made where it is missing.
   * @param options What to write besides scalars, and what to do if it cannot be written.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `histogramEpochs` is not an integer >= 0.
   */
  constructor(folder: string, options: TensorBoardOptions = {}) {
    super(options, { histogramEpochs: true, texts: true });
    const { histogramEpochs = 1, texts = {} } = options;
    this.folder = folder;
    this.#histogramEpochs = checkNumber("write a log", "histogramEpochs", histogramEpochs, {
      integer: true,
      min: 0,
    });
    this.#texts = texts;
  }

  /** Begins a new file. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await super.beforeTrain(learner);
    const now = Date.now();
    const unique = crypto.randomUUID().slice(0, 8);
    this.#open(`events.out.tfevents.${Math.floor(now / 1000)}.${unique}`, 0);
    const texts = { settings: settingsOf(learner), ...this.#texts };
    await this.#write(0, Object.entries(texts).map(([tag, text]) => ({ tag, text })));
  }

  /** Writes the numbers of an epoch, and the weights if they are due. */
  protected override async logEpoch(
    { epoch, metrics, learningRate, seconds }: EpochRecord,
    learner: AnyLearner,
  ): Promise<void> {
    const values = scalars({ ...metrics, learningRate, seconds });
    if (this.#histogramEpochs > 0 && (epoch + 1) % this.#histogramEpochs === 0) {
      values.push(...await histograms(learner));
    }
    await this.#write(epoch + 1, values);
  }

  /** Writes the test at the end of a training. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (!this.isTraining) return;
    await this.#write(learner.epoch, scalars(metricsOfPhase(learner, "test")));
  }

  /** The file, its size, and the records that could not be written yet. */
  protected override logState(): object {
    return { name: this.#name, size: this.#size, waiting: this.#file?.waiting ?? [] };
  }

  /** Checks the file of a state from a file. */
  protected override logFields(): Readonly<Record<string, field.FieldCheck>> {
    return {
      name: field.optional(field.text),
      size: field.integer({ min: 0 }),
      waiting: field.optional(field.list(bytes)),
    };
  }

  /** Removes what was written after the checkpoint; if the file is gone, begins another one. */
  protected override async restoreLog(state: unknown): Promise<void> {
    const { name, size, waiting = [] } = state as {
      name?: string;
      size: number;
      waiting?: Uint8Array[];
    };
    // Nothing in a checkpoint leads out of the folder.
    if (name === undefined || !/^events\.out\.tfevents\.\d+\.[0-9a-f]{8}$/.test(name)) return;
    this.#open(name, size).waiting = waiting;
    await this.attempt(() => this.#prepare());
  }

  #open(name: string, size: number): GrowingFile {
    this.#name = name;
    this.#size = size;
    return this.#file = new GrowingFile(`${this.folder}/${name}`, {
      prepare: () => this.#prepare(),
      wrote: ({ length }) => void (this.#size += length),
    });
  }

  /** Removes what another process has appended; a file that is gone begins again. */
  async #prepare(): Promise<void> {
    const { path } = this.#file!;
    if (this.#size > 0 && await cutFile(path, this.#size) === this.#size) return;
    const head = versionRecord(Date.now() / 1000);
    await writeFile(path, head);
    this.#size = head.length;
  }

  async #write(step: number, values: readonly SummaryValue[]): Promise<void> {
    const record = summaryRecord(Date.now() / 1000, step, values);
    await this.attempt(() => this.#file!.append(record));
  }
}

function scalars(numbers: Record<string, number>): SummaryValue[] {
  return Object.entries(numbers).map(([name, scalar]) => ({ tag: name.replace(".", "/"), scalar }));
}

async function histograms({ model }: AnyLearner): Promise<SummaryValue[]> {
  const named: [string, tf.Tensor][] = model instanceof tf.LayersModel
    ? model.trainableWeights.map((weight) => [weight.originalName, weight.read()])
    : model.trainableVariables.map((variable: tf.Variable) => [variable.name, variable]);
  const values = await Promise.all(named.map(([, weight]) => weight.data()));
  return named.map(([tag], index) => {
    const { histogram, mean, deviation } = tensorStats(values[index]);
    return { tag: `weights/${tag}`, histogram, mean, deviation };
  });
}

function settingsOf({ epochs, learningRate, optimizer, seed }: AnyLearner): string {
  const settings = { epochs, learningRate, optimizer: optimizer.getClassName(), seed };
  const rows = Object.entries(settings).map(([name, value]) => `| ${name} | ${value ?? "-"} |`);
  return ["| setting | value |", "|---|---|", ...rows].join("\n");
}

import { tf } from "../deps/tfjs.ts";
import { summaryRecord, type SummaryValue, versionRecord } from "../io/event_file.ts";
import { cutFile } from "../io/cut_file.ts";
import { writeFile } from "../io/write_file.ts";
import { tensorStats } from "../tensors/tensor_stats.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { EpochLogger } from "./support/epoch_logger.ts";
import { metricsOfPhase } from "./support/metrics_of_phase.ts";
import type { EpochRecord } from "../pictures/history.ts";

/**
 * Options of {@linkcode TensorBoard}.
 *
 * @category Callbacks
 */
export interface TensorBoardOptions {
  /** Histograms of the weights after every so many epochs, an integer >= 0; 0: none. Default: 1. */
  histogramEpochs?: number;
  /** Texts in Markdown to show beside the run, by title. Default: none. */
  texts?: Record<string, string>;
}

/**
 * Writes event files for TensorBoard: `tensorboard --logdir FOLDER`.
 *
 * Scalars, for each epoch: all that was measured, by phase (`loss` under `train/` and `validation/`),
 * the learning rate and the seconds. Histograms: the trained weights. Texts: the settings of the
 * run, and yours. Each training writes a file of its own into the folder; give each experiment its
 * own folder. The step of everything is the number of epochs that are done.
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
export class TensorBoard extends EpochLogger {
  /** Where the files go. */
  readonly folder: string;
  /** Trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  readonly #histogramEpochs: number;
  readonly #texts: Record<string, string>;
  /** The file, and how many bytes are in it. */
  #name: string | undefined;
  #size = 0;

  /**
   * Checks the options; writes nothing yet.
   *
   * @param folder Where the files go; it is made where it is missing.
   * @param options What to write besides scalars.
   * @throws {RangeError} If `histogramEpochs` is not an integer >= 0.
   */
  constructor(folder: string, { histogramEpochs = 1, texts = {} }: TensorBoardOptions = {}) {
    super();
    if (!Number.isInteger(histogramEpochs) || histogramEpochs < 0) {
      throw new RangeError(
        "Cannot write for TensorBoard as histogramEpochs must be an integer >= 0: " +
          `current value is ${histogramEpochs}`,
      );
    }
    this.folder = folder;
    this.#histogramEpochs = histogramEpochs;
    this.#texts = texts;
  }

  /** Begins a new file. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await super.beforeTrain(learner);
    const now = Date.now();
    const unique = crypto.randomUUID().slice(0, 8);
    this.#name = `events.out.tfevents.${Math.floor(now / 1000)}.${unique}`;
    this.#size = 0;
    await this.#append(versionRecord(now / 1000));
    const texts = { settings: settingsOf(learner), ...this.#texts };
    await this.#write(0, Object.entries(texts).map(([tag, text]) => ({ tag, text })));
  }

  /** Writes the numbers of an epoch, and the weights where they are due. */
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

  /** Writes the test. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (this.#name) await this.#write(learner.epoch, scalars(metricsOfPhase(learner, "test")));
  }

  /** Which file it is, and how long. */
  protected override logState(): object {
    return { name: this.#name, size: this.#size };
  }

  /** Cuts off what was written since; where the file is gone, begins another one. */
  protected override async restoreLog(state: unknown): Promise<void> {
    const { name, size } = state as { name?: string; size: number };
    // Nothing in a checkpoint leads out of the folder.
    if (name === undefined || !/^events\.out\.tfevents\.\d+\.[0-9a-f]{8}$/.test(name)) return;
    this.#name = name;
    this.#size = await cutFile(`${this.folder}/${name}`, size);
    if (this.#size === 0) await this.#append(versionRecord(Date.now() / 1000));
  }

  async #write(step: number, values: readonly SummaryValue[]): Promise<void> {
    await this.#append(summaryRecord(Date.now() / 1000, step, values));
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await writeFile(`${this.folder}/${this.#name}`, bytes, { append: true });
    this.#size += bytes.length;
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

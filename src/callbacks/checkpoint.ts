import { type EndSignal, onTermination } from "../host/host_process.ts";
import {
  type AnyLearner,
  type MeasuredPhase,
  PassCallback,
  type StateCheck,
} from "../learner/callback.ts";
import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { RunKind } from "../chart/chart.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { CheckpointFolder, type CheckpointFolderState } from "./support/checkpoint_folder.ts";
import { Monitor } from "./support/monitor.ts";

/**
 * Options of {@linkcode Checkpoint}.
 *
 * @category Callbacks
 */
export interface CheckpointOptions {
  /** Save after every so many batches of training, epochs, or minutes. Default: every epoch. */
  every?: { batches?: number; epochs?: number; minutes?: number };
  /** Number of the newest files to keep, an integer >= 1. Default: 3. */
  last?: number;
  /** Number of the best files by `monitor` to keep as well, an integer >= 0. Default: 0. */
  best?: number;
  /** The name of a metric of training or validation. Default: `"validation.loss"`. */
  monitor?: string;
  /** Whether smaller or larger values are better. Default: known for the usual metrics. */
  mode?: "min" | "max";
  /**
   * `"auto"`: the first `train()` continues from the newest intact checkpoint in the folder, and
   * says so. Default: `"never"`.
   */
  resume?: "auto" | "never";
  /** Whether SIGINT and SIGTERM save after the current batch and cancel. Default: true. */
  signals?: boolean;
  /** Whether a failed write is reported by `warn`, or ends the run. Default: `"warn"`. */
  onError?: "warn" | "fail";
  /** Called with a message about a file that could not be read or written. Default: `console.warn`. */
  warn?: (message: string) => void;
  /**
   * Called with a message when a training is resumed. Default: `console.error`, so that standard
   * output stays the program's.
   */
  log?: (message: string) => void;
}

/** Runs that a signal is ending: all their Checkpoints save before the training is cancelled. */
const INTERRUPTIONS = new WeakMap<AnyLearner, Promise<void>>();

const EVERY = { batches: true, epochs: true, minutes: true };

/**
 * Saves checkpoints while the training continues: at most one at a time is being written, and the
 * run does not end before the last is on the disk.
 *
 * Saves also at the end of the training, cancelled or not, on an error (for inspection: such a file
 * is not resumed), and on SIGINT and SIGTERM. A run that a signal ended continues when it is
 * resumed; one that was cancelled otherwise remains cancelled.
 *
 * Each run needs a folder of its own: where another run saves, nothing is saved or resumed.
 *
 * @example
 * ```ts
 * import { Checkpoint } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const checkpoint = new Checkpoint("runs/mnist", { every: { batches: 100 }, resume: "auto" });
 * assertEquals(checkpoint.folder, "runs/mnist");
 * ```
 *
 * @category Callbacks
 */
export class Checkpoint extends PassCallback {
  /** Last, so that all others have done their part. */
  override priority: number = Number.MAX_SAFE_INTEGER;
  /** Trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Of several ranks, one is enough. */
  override readonly mainRankOnly: boolean = true;
  readonly #options: Required<Omit<CheckpointOptions, "monitor" | "mode">>;
  readonly #monitor: Monitor | undefined;
  readonly #folder: CheckpointFolder;
  #batches = 0;
  /** Whether the current run is a training, and not a validation or a test alone. */
  #training = false;
  /** Whether a training has begun: only the first is resumed. */
  #begun = false;
  #saved = performance.now();
  #writing: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #signal: EndSignal | undefined;
  /** Whether the run was saved because of a signal: nothing is saved after that. */
  #interrupted = false;

  /**
   * Checks the options; touches no file.
   *
   * @param folder The folder in which to save, a path or a `file:` URL.
   * @param options When to save, and what to keep.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is unknown, or `best` needs a metric that cannot be monitored.
   */
  constructor(folder: string | URL, options: CheckpointOptions = {}) {
    super();
    checkOptions("save checkpoints", options, {
      ...{ every: true, last: true, best: true, monitor: true, mode: true, resume: true },
      ...{ signals: "flag", onError: true, warn: true, log: true },
    });
    this.#options = {
      every: { epochs: 1 },
      last: 3,
      best: 0,
      resume: "never",
      signals: true,
      onError: "warn",
      warn: (message) => console.warn(message),
      log: (message) => console.error(message),
      ...options,
    };
    const { last, best, every } = this.#options;
    checkOptions("save checkpoints every", every, EVERY);
    const check = checkNumber.bind(undefined, "save checkpoints");
    check("last", last, { integer: true, min: 1 });
    check("best", best, { integer: true, min: 0 });
    const { batches = 1, epochs = 1, minutes = 1 } = every;
    check("every.batches", batches, { integer: true, min: 1 });
    check("every.epochs", epochs, { integer: true, min: 1 });
    check("every.minutes", minutes, { above: 0, infinite: true });
    if (best > 0) this.#monitor = new Monitor(this.name, Monitor.optionsOf(options));
    this.#folder = new CheckpointFolder(folder, { last, best, mode: this.#monitor?.mode ?? "min" });
  }

  /** The folder in which it saves. It is made when it is first needed. */
  get folder(): string {
    return this.#folder.path;
  }

  /**
   * The newest intact checkpoint, if `resume` is `"auto"` and no training has begun yet.
   *
   * @throws {Error} If another run saves in the folder.
   */
  override async resumeFrom(
    check: (checkpoint: RunCheckpoint) => Promise<void>,
  ): Promise<RunCheckpoint | undefined> {
    if (this.#options.resume !== "auto" || this.#begun) return;
    const newest = await this.#folder.newest(this.#options.warn, check);
    if (!newest) return;
    this.#options.log(`Resuming from ${newest.file}: ${placeOf(newest.checkpoint)}`);
    return newest.checkpoint;
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    best: field.list(field.record({ name: field.text, value: field.measurement })),
    own: field.list(field.text),
    batches: field.integer({ min: 0 }),
  });

  /** The files that it keeps, for a checkpoint. */
  override state(): unknown {
    return { ...this.#folder.state(), batches: this.#batches };
  }

  /** Continues in another process. */
  override restore(state: unknown): void {
    const { batches, ...files } = state as CheckpointFolderState & { batches: number };
    this.#folder.restore(files);
    this.#batches = batches;
    this.#begun = true;
  }

  /** Listens for signals during a training. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    this.#training = true;
    this.#saved = performance.now();
    const stopListening = this.#options.signals ? this.#listen(learner) : undefined;
    return async () => {
      stopListening?.();
      this.#training = this.#interrupted = false;
      this.#signal = undefined;
      await this.#writing;
      this.#folder.release();
    };
  }

  /** Begins a run that has saved nothing. */
  override beforeTrain(learner: AnyLearner): void {
    this.#monitor?.begin(learner);
    this.#folder.begin();
    this.#batches = 0;
    this.#begun = true;
  }

  /** Saves every n batches, when it is time, or when a signal came. */
  protected override afterPassBatch(
    learner: AnyLearner,
    pass: MeasuredPhase,
  ): void | Promise<void> {
    if (pass !== "train") return this.#between(learner, false);
    const { batches } = this.#options.every;
    this.#batches++;
    return this.#between(learner, batches !== undefined && this.#batches % batches === 0);
  }

  /** Saves every n epochs, and what may be among the best; after a test, its end. */
  protected override async afterPass(learner: AnyLearner, pass: MeasuredPhase): Promise<void> {
    if (pass === "test") return await this.#end(learner);
    const { epochs } = this.#options.every;
    const isEpoch = pass === "train";
    const due = isEpoch && epochs !== undefined && (learner.epoch + 1) % epochs === 0;
    const value = this.#monitor?.read(learner, isEpoch ? "afterEpoch" : "afterValidate");
    await this.#between(learner, due, value);
  }

  /** Saves the end of the training, and waits until it is written. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    await this.#end(learner);
  }

  /** Saves the state of the run when it failed. */
  override async onError(learner: AnyLearner): Promise<void> {
    if (!this.#training) return;
    await this.#save(learner);
    await this.#settle();
  }

  async #end(learner: AnyLearner): Promise<void> {
    if (!this.#training || learner.failures.length > 0) return;
    if (!this.#interrupted) await this.#save(learner);
    await this.#settle();
  }

  #between(learner: AnyLearner, due: boolean, value = NaN): void | Promise<void> {
    if (!this.#training) return;
    const { minutes = Infinity } = this.#options.every;
    if (this.#interrupted) return void learner.cancel("epoch"); // a validation or test that was due
    if (this.#signal) return this.#interrupt(learner, this.#signal);
    const ranked = !Number.isNaN(value);
    if (ranked || due || performance.now() - this.#saved > minutes * 60_000) {
      return this.#save(learner, value);
    }
  }

  /** Takes a checkpoint, and returns while it is being written. */
  async #save(learner: AnyLearner, value = NaN): Promise<void> {
    const name = await this.#nextName(learner, value);
    if (name !== undefined) await this.#take(learner, name);
  }

  /** The name of the next file; `undefined` if there cannot be one. */
  async #nextName(learner: AnyLearner, value: number): Promise<string | undefined> {
    await this.#writing;
    this.#throwFailure();
    this.#saved = performance.now();
    const { phase, epoch, batchIndex, failures } = learner;
    const at = {
      phase,
      epoch,
      batch: batchIndex + 1,
      error: failures.length > 0 ? "failed" : null,
    };
    try {
      return await this.#folder.next(at, value);
    } catch (error) {
      this.#failed(error);
      this.#throwFailure();
    }
  }

  async #take(learner: AnyLearner, name: string): Promise<void> {
    try {
      const checkpoint = await learner.checkpoint();
      this.#writing = this.#folder.write(name, checkpoint).catch((error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
      this.#throwFailure();
    }
  }

  async #settle(): Promise<void> {
    await this.#writing;
    this.#throwFailure();
  }

  #failed(error: unknown): void {
    const { onError, warn } = this.#options;
    if (onError === "fail") this.#failure ??= { error };
    else warn(`Could not save a checkpoint in ${this.folder}: ${error}`);
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) {
      throw new Error(`Cannot save a checkpoint in ${this.folder}: ${failure.error}`, {
        cause: failure.error,
      });
    }
  }

  /** The first signal is obeyed after the current batch; a second one ends the process at once. */
  #listen(learner: AnyLearner): () => void {
    return onTermination((signal) => {
      this.#signal = signal;
      if (learner.actor?.getSnapshot().hasTag("paused")) void this.#interrupt(learner, signal);
    });
  }

  /** All Checkpoints of the run save it as it is; only then is the training cancelled. */
  async #interrupt(learner: AnyLearner, signal: EndSignal): Promise<void> {
    let ending = INTERRUPTIONS.get(learner);
    if (!ending) {
      ending = saveAndCancel(learner).finally(() => INTERRUPTIONS.delete(learner));
      INTERRUPTIONS.set(learner, ending);
    }
    await ending;

    async function saveAndCancel({ callbacks }: AnyLearner): Promise<void> {
      const checkpoints = callbacks.filter((callback) => callback instanceof Checkpoint)
        .filter((checkpoint) => checkpoint.#training);
      for (const checkpoint of checkpoints) checkpoint.#interrupted = true;
      try {
        // Each is to know its own last file, whichever of the files is resumed.
        const names = await Promise.all(
          checkpoints.map((checkpoint) => checkpoint.#nextName(learner, NaN)),
        );
        for (const [index, checkpoint] of checkpoints.entries()) {
          const name = names[index];
          if (name !== undefined) await checkpoint.#take(learner, name);
        }
        await Promise.all(checkpoints.map((checkpoint) => checkpoint.#writing));
      } finally {
        learner.cancel("train", `The process received ${signal}`);
      }
    }
  }
}

/** The place of a checkpoint, in words: a test comes after the last epoch. */
function placeOf({ epoch, batch, phase }: RunCheckpoint): string {
  const place = phase === "test" ? `after epoch ${epoch}` : `epoch ${epoch + 1}`;
  return `${place}, ${batch} ${batch === 1 ? "batch" : "batches"} of ${phase}`;
}

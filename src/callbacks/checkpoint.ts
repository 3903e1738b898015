import { checkOptions } from "../checks/check_options.ts";
import {
  checkpointFile,
  checkpointName,
  parseCheckpointName,
  type RunCheckpoint,
} from "../io/checkpoint_file.ts";
import { listCheckpoints, newestCheckpoint, removePartials } from "../io/newest_checkpoint.ts";
import { toPath } from "../io/to_path.ts";
import { writeInBackground } from "../io/write_in_background.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { Monitor } from "./support/monitor.ts";
import { onTermination } from "./support/on_termination.ts";

/**
 * Options of {@linkcode Checkpoint}.
 *
 * @category Callbacks
 */
export interface CheckpointOptions {
  /** Save after every so many batches of training, epochs, or minutes. Default: every epoch. */
  every?: { batches?: number; epochs?: number; minutes?: number };
  /** How many of the newest to keep, an integer >= 1. Default: 3. */
  last?: number;
  /** How many of the best to keep as well, by `monitor`. Default: 0. */
  best?: number;
  /** The name of a metric of training or validation. Default: `"validation.loss"`. */
  monitor?: string;
  /** Whether less or more of it is better. Default: known for the usual metrics. */
  mode?: "min" | "max";
  /** `"auto"`: `train()` goes on from the newest intact one in the folder. Default: `"never"`. */
  resume?: "auto" | "never";
  /** Whether SIGINT and SIGTERM save after the batch at hand and cancel. Default: `true`. */
  signals?: boolean;
  /** Whether a failed write ends the run, or is told. Default: `"warn"`. */
  onError?: "warn" | "fail";
  /** Hears of what went wrong. Default: `console.warn`. */
  warn?: (message: string) => void;
}

/** A file, and what was measured then. */
interface Ranked {
  name: string;
  value: number;
}

/**
 * Saves checkpoints while the training goes on: at most one at a time is being written, and the run
 * does not end before the last is on the disk.
 *
 * Saves also at the end of the training, cancelled or not, on an error (such a file is for the
 * curious: it is not resumed), and on SIGINT and SIGTERM. A run that a signal ended goes on when
 * resumed; one that was cancelled otherwise remains cancelled.
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
export class Checkpoint extends Callback {
  /** Last, so that all others have done their part. */
  override priority: number = Number.MAX_SAFE_INTEGER;
  /** Trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Of several processes, one is enough. */
  override readonly mainRankOnly: boolean = true;
  /** Where to. It is made when first needed. */
  readonly folder: string;
  readonly #options: Required<Omit<CheckpointOptions, "monitor" | "mode">>;
  readonly #monitor: Monitor | undefined;
  /** Files with what was measured then, the best first. */
  #best: Ranked[] = [];
  /** What this run has saved, oldest first: nothing else is ever removed. */
  #own: string[] = [];
  /** Of the newest file, once that is known. */
  #number: number | undefined;
  #batches = 0;
  /** Whether a training is under way, and not a validation or a test alone. */
  #training = false;
  #saved = performance.now();
  #writing: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #signal: Deno.Signal | undefined;
  /** Whether what the signal asked for is done: nothing is saved after that. */
  #interrupted = false;
  #stopListening: (() => void) | undefined;

  /**
   * Checks the options; touches no file.
   *
   * @param folder Where to save, a path or a `file:` URL.
   * @param options When, and what to keep.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If there is no such option, or `best` is to be told by what cannot be
   *   monitored.
   */
  constructor(folder: string | URL, options: CheckpointOptions = {}) {
    super();
    checkOptions("save checkpoints", options, {
      every: true,
      last: true,
      best: true,
      monitor: true,
      mode: true,
      resume: true,
      signals: true,
      onError: true,
      warn: true,
    });
    this.folder = toPath(folder).replace(/(?<=.)\/$/, "");
    this.#options = {
      every: { epochs: 1 },
      last: 3,
      best: 0,
      resume: "never",
      signals: true,
      onError: "warn",
      warn: (message) => console.warn(message),
      ...options,
    };
    const { last, best, every } = this.#options;
    checkOptions("save checkpoints every", every, { batches: true, epochs: true, minutes: true });
    atLeast("last", last, 1);
    atLeast("best", best, 0);
    if (best > 0) this.#monitor = new Monitor(this.name, options);
    if (every.batches !== undefined) atLeast("every.batches", every.batches, 1);
    if (every.epochs !== undefined) atLeast("every.epochs", every.epochs, 1);
    if (every.minutes !== undefined && !(every.minutes > 0)) {
      throw new RangeError(
        `Cannot save checkpoints as every.minutes must be > 0: current value is ${every.minutes}`,
      );
    }
  }

  /** What to go on from: the newest intact checkpoint, if `resume` is `"auto"`. */
  override async resumeFrom(): Promise<RunCheckpoint | undefined> {
    if (this.#options.resume !== "auto") return;
    await removePartials(this.folder);
    return await newestCheckpoint(this.folder, this.#options.warn);
  }

  /** What it remembers: which files are the best. */
  override state(): unknown {
    return { best: this.#best, own: this.#own, batches: this.#batches };
  }

  /** Goes on in another process. */
  override restore(state: unknown): void {
    const { best, own, batches } = state as { best: Ranked[]; own: string[]; batches: number };
    // Names that are not of such a file lead out of the folder, and what is own is removed one day.
    const sound = (name: string) => parseCheckpointName(name) !== undefined;
    this.#best = best.filter(({ name }) => sound(name));
    this.#own = own.filter(sound);
    this.#number = undefined;
    this.#batches = batches;
    this.#training = true;
  }

  /** Begins anew. */
  override beforeTrain(learner: AnyLearner): void {
    this.#monitor?.begin(learner);
    this.#best = [];
    this.#own = [];
    this.#number = undefined;
    this.#batches = 0;
    this.#training = true;
    this.#saved = performance.now();
    this.#listen(learner);
  }

  /** Saves every n batches. */
  override afterBatch(learner: AnyLearner): void | Promise<void> {
    this.#training = true; // also where it was added in the course of a run
    const { batches } = this.#options.every;
    this.#batches++;
    return this.#between(learner, batches !== undefined && this.#batches % batches === 0);
  }

  /** Saves every n epochs, and what may be among the best. */
  override afterEpoch(learner: AnyLearner): void | Promise<void> {
    const { epochs } = this.#options.every;
    const due = epochs !== undefined && (learner.epoch + 1) % epochs === 0;
    return this.#between(learner, due, this.#monitor?.read(learner, "afterEpoch"));
  }

  /** Saves when a signal came, or it is time. */
  override afterValidationBatch(learner: AnyLearner): void | Promise<void> {
    return this.#between(learner, false);
  }

  /** Saves what may be among the best. */
  override afterValidate(learner: AnyLearner): void | Promise<void> {
    return this.#between(learner, false, this.#monitor?.read(learner, "afterValidate"));
  }

  /** Saves when a signal came, or it is time. */
  override afterTestBatch(learner: AnyLearner): void | Promise<void> {
    return this.#between(learner, false);
  }

  /** Saves the end of the training, and waits until it is written. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    if (learner.failures.length > 0) return;
    if (!this.#signal) await this.#save(learner);
    await this.#finish(learner.dataloaders.test === undefined);
  }

  /** Saves the end of the test, and waits until it is written. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (learner.failures.length > 0) return;
    if (!this.#signal && this.#training) await this.#save(learner);
    await this.#finish(true);
  }

  /** Saves what there was when the run failed. */
  override async onError(learner: AnyLearner): Promise<void> {
    if (this.#training) await this.#save(learner);
    await this.#finish(true);
  }

  #between(learner: AnyLearner, due: boolean, value = NaN): void | Promise<void> {
    if (!this.#training) return;
    this.#listen(learner);
    const { minutes = Infinity } = this.#options.every;
    if (this.#interrupted) return void learner.cancel("epoch"); // what is left is soon over
    if (this.#signal) return this.#interrupt(learner);
    const ranked = !Number.isNaN(value);
    if (ranked || due || performance.now() - this.#saved > minutes * 60_000) {
      return this.#save(learner, value);
    }
  }

  /** Takes a checkpoint, and goes on while it is being written. */
  async #save(learner: AnyLearner, value = NaN): Promise<void> {
    await this.#writing;
    this.#throwFailure();
    this.#saved = performance.now();
    try {
      const { phase, epoch, batchIndex, failures } = learner;
      const error = failures.length > 0 ? "failed" : null;
      const number = await this.#nextNumber();
      const name = checkpointName(number, { phase, epoch, batch: batchIndex + 1, error });
      if (!Number.isNaN(value)) this.#rank(name, value);
      this.#own = [...this.#own, name];
      const checkpoint = await learner.checkpoint();
      this.#writing = this.#write(name, checkpoint).catch((error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
      this.#throwFailure();
    }
  }

  /** The folder is looked at once: whoever else writes there meanwhile is another run. */
  async #nextNumber(): Promise<number> {
    if (this.#number === undefined) {
      const newest = (await listCheckpoints(this.folder)).at(-1) ?? "";
      this.#number = parseCheckpointName(newest)?.number ?? 0;
    }
    return ++this.#number;
  }

  async #write(name: string, checkpoint: RunCheckpoint): Promise<void> {
    await Deno.mkdir(this.folder, { recursive: true });
    const { tensors, metadata } = checkpointFile(checkpoint);
    await writeInBackground(`${this.folder}/${name}`, tensors, metadata);
    const newest = this.#own.slice(-this.#options.last);
    const kept = new Set([...newest, ...this.#best.map(({ name }) => name), name]);
    for (const old of this.#own.filter((name) => !kept.has(name))) {
      await Deno.remove(`${this.folder}/${old}`).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
    this.#own = this.#own.filter((name) => kept.has(name));
  }

  #rank(name: string, value: number): void {
    const sign = this.#monitor?.mode === "max" ? -1 : 1;
    this.#best = [...this.#best, { name, value }]
      .sort((a, b) => sign * (a.value - b.value)).slice(0, this.#options.best);
  }

  async #finish(ended: boolean): Promise<void> {
    await this.#writing;
    if (ended) {
      this.#stopListening?.();
      this.#stopListening = this.#signal = undefined;
      this.#interrupted = this.#training = false;
    }
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

  /** The first signal is obeyed after the batch at hand; a second one ends the process at once. */
  #listen(learner: AnyLearner): void {
    if (!this.#options.signals || this.#stopListening) return;
    this.#stopListening = onTermination((signal) => {
      this.#signal = signal;
      if (learner.actor?.getSnapshot().hasTag("paused")) void this.#interrupt(learner);
    });
  }

  async #interrupt(learner: AnyLearner): Promise<void> {
    this.#interrupted = true;
    try {
      await this.#save(learner);
      await this.#writing;
    } finally {
      learner.cancel("train", `The process received ${this.#signal}`);
    }
  }
}

function atLeast(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot save checkpoints as ${name} must be an integer >= ${least}: current value is ${value}`,
  );
}

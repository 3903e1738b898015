import { tf } from "../deps/tfjs.ts";
import type { HookName, TaskName } from "../chart/hooks.ts";
import { Callback, type CallbackLike, nameOf } from "../learner/callback.ts";
import { GrowthDetector } from "./support/growth_detector.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/**
 * Tensors that were made somewhere and are never disposed.
 *
 * @category Callbacks
 */
export interface Leak {
  /** Whose hook made them; `"Learner"` for its own tasks: the model, the loss, the loader. */
  owner: string;
  /** The hook or task in which they were made. */
  work: HookName | TaskName;
  /** How many of them there are. */
  tensors: number;
  /** All of this in a sentence. */
  message: string;
}

/**
 * Options of {@linkcode LeakGuard}.
 *
 * @category Callbacks
 */
export interface LeakGuardOptions {
  /** Told of each leak once in a run; may throw, to end it. Default: warn on the console. */
  onLeak?: (leak: Leak) => void;
  /**
   * How many batches of training to compare with the next so many, an integer >= 1. Default: 128,
   * as running means and their like let up to 64 tensors wait. Epochs are compared as well.
   */
  window?: number;
}

interface Source {
  owner: string;
  work: HookName | TaskName;
  /** What it has made that is not disposed. */
  alive: Set<tf.Tensor>;
  perBatch: GrowthDetector;
  perEpoch: GrowthDetector;
  reported: boolean;
}

/** What of the engine this listens to. */
interface Engine {
  trackTensor(tensor: tf.Tensor, backend: unknown): void;
}

/**
 * Finds memory leaks, and names the hook and the callback that made the tensors.
 *
 * It notes who makes each tensor. A leak is what grows on and on: the smallest number of tensors
 * alive, of one hook, rises over three windows of batches, or over three epochs. What comes and
 * goes, such as sums that wait to be added up, and what is set up once, such as moving averages,
 * is none. It costs a few microseconds per tensor: take it out again when all is well.
 *
 * @example
 * ```ts
 * import { LeakGuard } from "@trainchart/trainchart/callbacks";
 *
 * const strict = new LeakGuard({
 *   onLeak({ message }) {
 *     throw new Error(message);
 *   },
 * });
 * ```
 *
 * @category Callbacks
 */
export class LeakGuard extends Callback {
  /** After everybody who might leave something. */
  override priority: number = PRIORITIES.last;
  readonly #onLeak: (leak: Leak) => void;
  readonly #window: number;
  #sources = new Map<string, Source>();
  #stack: tf.Tensor[][] = [];
  #batches = 0;
  #training = false;

  /**
   * Checks the options.
   *
   * @param options Whom to tell, and when.
   * @throws {RangeError} If `window` is not an integer >= 1.
   */
  constructor({ onLeak = warn, window = 128 }: LeakGuardOptions = {}) {
    super();
    if (!Number.isInteger(window) || window < 1) {
      throw new RangeError(
        `Cannot watch for leaks as window must be an integer >= 1: current value is ${window}`,
      );
    }
    this.#onLeak = onLeak;
    this.#window = window;
  }

  /** Notes what is made by whom. */
  override watch = (work: HookName | TaskName, callback?: CallbackLike): (() => void) | void => {
    if (!this.#training || callback === this) return;
    const made: tf.Tensor[] = [];
    this.#stack.push(made);
    return () => {
      this.#stack.splice(this.#stack.indexOf(made), 1);
      const left = made.filter((tensor) => !tensor.isDisposed);
      if (left.length === 0) return;
      const source = this.#source(callback ? nameOf(callback) : "Learner", work);
      for (const tensor of left) source.alive.add(tensor);
    };
  };

  /** Begins to listen. */
  override beforeTrain(): void {
    this.#begin();
  }

  /** Begins to listen to a training that was resumed, where `beforeTrain` does not run. */
  override beforeBatch(): void {
    if (!this.#training) this.#begin();
  }

  #begin(): void {
    this.#sources = new Map();
    this.#stack = [];
    this.#batches = 0;
    this.#training = true;
    const engine = tf.engine() as unknown as Engine;
    const track = Object.getPrototypeOf(engine).trackTensor;
    engine.trackTensor = (tensor, backend) => {
      this.#stack.at(-1)?.push(tensor);
      track.call(engine, tensor, backend);
    };
  }

  /** Looks what is left. */
  override afterBatch(): void {
    for (const { alive, perBatch, perEpoch } of this.#sources.values()) {
      for (const tensor of alive) if (tensor.isDisposed) alive.delete(tensor);
      perBatch.observe(alive.size);
      perEpoch.observe(alive.size);
    }
    if (++this.#batches % this.#window === 0) this.#close("perBatch");
  }

  /** Compares with the epochs before. */
  override afterEpoch(): void {
    this.#close("perEpoch");
  }

  /** Listens no longer. */
  override afterTrain(): void {
    this.#training = false;
    this.#sources = new Map();
    delete (tf.engine() as unknown as Partial<Engine>).trackTensor;
  }

  #source(owner: string, work: HookName | TaskName): Source {
    const key = `${owner}.${work}`;
    let source = this.#sources.get(key);
    if (!source) {
      const [perBatch, perEpoch] = [new GrowthDetector(), new GrowthDetector()];
      source = { owner, work, alive: new Set(), perBatch, perEpoch, reported: false };
      this.#sources.set(key, source);
    }
    return source;
  }

  #close(tracker: "perBatch" | "perEpoch"): void {
    for (const source of this.#sources.values()) {
      if (!source[tracker].close() || source.reported) continue;
      source.reported = true;
      const { owner, work, alive: { size: tensors } } = source;
      const message = `${owner}.${work} leaks memory: it has left ${tensors} tensors, and more ` +
        "with every look (dispose them, or compute inside tf.tidy)";
      this.#onLeak({ owner, work, tensors, message });
    }
  }
}

function warn({ message }: Leak): void {
  console.warn(message);
}

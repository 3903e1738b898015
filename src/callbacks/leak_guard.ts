import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import type { RunKind } from "../chart/chart.ts";
import type { HookName, TaskName } from "../chart/hooks.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { type AnyLearner, Callback, type CallbackLike, nameOf } from "../learner/callback.ts";
import { GrowthDetector } from "./support/growth_detector.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Tensors that one hook or task makes and that are never disposed.
 *
 * @category Callbacks
 */
export interface Leak {
  /**
   * The name of the callback; the loader with its dataset, `"train loader (TensorDataset)"`;
   * `"Learner"` for its other tasks: the model, the loss.
   */
  owner: string;
  /** The hook or task in which they were made. */
  work: HookName | TaskName;
  /** Number of tensors that are left. */
  tensors: number;
  /** The same as a sentence. */
  message: string;
}

/**
 * Options of {@linkcode LeakGuard}.
 *
 * @category Callbacks
 */
export interface LeakGuardOptions {
  /** Called once in a run for each leak; may throw, to end it. Default: warn on the console. */
  onLeak?: (leak: Leak) => void;
  /**
   * Number of batches of training that are compared with as many before, an integer >= 1. Default:
   * 128, as running means let up to 64 tensors wait. Epochs are compared as well.
   */
  window?: number;
}

interface Source {
  owner: string;
  work: HookName | TaskName;
  /** The tensors that it has made and that are not disposed. */
  alive: Set<tf.Tensor>;
  perBatch: GrowthDetector;
  perEpoch: GrowthDetector;
  reported: boolean;
}

/** The method of the engine that is wrapped. */
interface Engine {
  trackTensor(tensor: tf.Tensor, backend: unknown): void;
}

/**
 * Finds memory leaks, and names the hook and the callback that made the tensors.
 *
 * A leak is what keeps growing: the smallest number of tensors of one hook that are alive rises over
 * three windows of batches, or over three epochs. Tensors that come and go, such as sums that wait
 * to be added up, and those that are set up once, such as moving averages, are no leak. It costs a
 * few microseconds per tensor: remove it when all is well.
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
  /** After all callbacks that might leave tensors. */
  override priority: number = PRIORITIES.last;
  readonly #onLeak: (leak: Leak) => void;
  readonly #window: number;
  #sources = new Map<string, Source>();
  #stack: tf.Tensor[][] = [];
  #batches = 0;
  #training = false;
  #learner: AnyLearner | undefined;
  /** The names of the weights that were updated. */
  readonly #trained = new Set<string>();

  /**
   * Checks the options.
   *
   * @param options What to do about a leak, and when.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `window` is not an integer >= 1.
   */
  constructor(options: LeakGuardOptions = {}) {
    super();
    checkOptions("watch for leaks", options, { onLeak: true, window: true });
    const { onLeak = warn, window = 128 } = options;
    this.#onLeak = onLeak;
    this.#window = checkNumber("watch for leaks", "window", window, { integer: true, min: 1 });
  }

  /** Notes which tensors a hook or a task makes. */
  override watch = (work: HookName | TaskName, callback?: CallbackLike): (() => void) | void => {
    if (!this.#training || callback === this) return;
    const made: tf.Tensor[] = [];
    this.#stack.push(made);
    return () => {
      this.#stack.splice(this.#stack.indexOf(made), 1);
      const left = made.filter((tensor) => !tensor.isDisposed);
      if (left.length === 0) return;
      const source = this.#source(callback ? nameOf(callback) : this.#ownerOf(work), work);
      for (const tensor of left) source.alive.add(tensor);
    };
  };

  /** Watches the engine during a training. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    this.#learner = learner;
    this.#trained.clear();
    this.#sources = new Map();
    this.#stack = [];
    this.#batches = 0;
    this.#training = true;
    const engine = tf.engine() as unknown as Engine;
    const track = engine.trackTensor;
    const own = Object.hasOwn(engine, "trackTensor");
    engine.trackTensor = (tensor, backend) => {
      this.#stack.at(-1)?.push(tensor);
      track.call(engine, tensor, backend);
    };
    return () => {
      this.#learner = undefined;
      this.#training = false;
      this.#sources = new Map();
      if (own) engine.trackTensor = track;
      else delete (engine as Partial<Engine>).trackTensor;
    };
  }

  /** Counts the tensors that are left. */
  override afterBatch({ gradients }: AnyLearner): void {
    this.#expectMore(Object.keys(gradients ?? {})); // missing where the batch was cancelled early
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

  /** A weight that is trained from now on brings a gradient, and slots of the optimizer: no growth. */
  #expectMore(trained: readonly string[]): void {
    if (trained.every((name) => this.#trained.has(name))) return;
    for (const name of trained) this.#trained.add(name);
    for (const source of this.#sources.values()) {
      if (source.owner !== "Learner") continue;
      source.perBatch = new GrowthDetector();
      source.perEpoch = new GrowthDetector();
    }
  }

  #ownerOf(task: HookName | TaskName): string {
    const { phase, dataloaders = {} } = this.#learner ?? {};
    if (task !== "fetch" || !phase) return "Learner";
    const name = phase === "validate" ? "validation" : phase;
    const loader = dataloaders[name as keyof typeof dataloaders];
    const source = Object((loader as { dataset?: unknown } | undefined)?.dataset ?? loader);
    return `${name} loader (${source.name || source.constructor?.name || "unnamed"})`;
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
      const message = `${owner}.${work} leaks memory: it has left ${tensors} tensors, and their ` +
        "number keeps growing (dispose them, or compute inside tf.tidy)";
      this.#onLeak({ owner, work, tensors, message });
    }
  }
}

function warn({ message }: Leak): void {
  console.warn(message);
}

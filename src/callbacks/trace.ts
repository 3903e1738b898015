import type { RunKind } from "../chart/chart.ts";
import { type HookName, stateName, type TaskName } from "../chart/hooks.ts";
import { writeFile } from "../io/files.ts";
import type { RunSnapshot } from "../learner/run_interface.ts";
import { type AnyLearner, type CallbackLike, nameOf, PassCallback } from "../learner/callback.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { type ChromeTrace, chromeTrace } from "./support/chrome_trace.ts";
import { RingBuffer } from "./support/ring_buffer.ts";
import type { TracedStep, TracedWork, TraceRecord } from "./support/trace_record.ts";

/**
 * Options of {@linkcode Trace}.
 *
 * @category Callbacks
 */
export interface TraceOptions {
  /** Number of the newest hooks, tasks and steps to keep, an integer >= 1. Default: 50,000. */
  capacity?: number;
}

/** The tasks that take a step. */
const STEPS: readonly string[] = ["compute", "evaluate", "predict"];

/** The part of an XState actor that is used here. */
interface InspectableActor {
  readonly system: {
    inspect(observer: (inspected: Inspected) => void): { unsubscribe(): void };
  };
  getSnapshot(): RunSnapshot;
}

interface Inspected {
  type: string;
  event: { type: string };
  snapshot: RunSnapshot;
}

/**
 * Keeps a trace of the last run: every hook of every callback, every task, every step of the
 * machine. It opens in Perfetto, <https://ui.perfetto.dev>, or in `chrome://tracing`, and
 * {@linkcode replay} steps the machine through it once more, without data or model.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { Trace } from "@trainchart/trainchart/callbacks";
 * import { replay } from "@trainchart/trainchart/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * const trace = new Trace();
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [trace],
 * });
 * await learner.train(); // in the end: await trace.save("run.trace.json");
 * assertEquals(replay(trace).at(-1)?.state, "completed");
 * ```
 *
 * @category Callbacks
 */
export class Trace extends PassCallback {
  /** First, to see the hooks of all others. */
  override priority: number = -1000;
  readonly #capacity: number;
  #entries: RingBuffer<TracedWork | TracedStep>;
  #learner: AnyLearner | undefined;
  #actor: InspectableActor | undefined;
  #began = 0;

  /**
   * Checks the options.
   *
   * @param options How much to keep.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `capacity` is not an integer >= 1.
   */
  constructor(options: TraceOptions = {}) {
    super();
    checkOptions("trace", options, { capacity: true });
    const { capacity = 50_000 } = options;
    this.#capacity = checkNumber("trace", "capacity", capacity, { integer: true, min: 1 });
    this.#entries = new RingBuffer(capacity);
  }

  /** The hooks and tasks of the last run that are kept, in the order in which they ended. */
  get records(): TraceRecord[] {
    return [...this.#entries].flatMap((entry) => {
      if ("event" in entry) return [];
      const { value, ...record } = entry;
      return [{ ...record, state: stateName(value) }];
    });
  }

  /** Number of hooks, tasks and steps of the last run that are no longer kept. */
  get dropped(): number {
    return this.#entries.dropped;
  }

  /** Times a hook or a task. */
  override watch = (
    work: HookName | TaskName,
    callback?: CallbackLike,
  ): (() => void) | undefined => {
    const [learner, actor] = [this.#learner, this.#actor];
    if (!learner || !actor || callback === this) return;
    const { epoch, batchIndex: batch } = learner;
    const { value } = actor.getSnapshot();
    const time = this.#now();
    return () => {
      const microseconds = this.#now() - time;
      this.#entries.push({
        ...{ time, epoch, batch, value, work, microseconds },
        ...callback && { callback: nameOf(callback) },
        ...!callback && STEPS.includes(work) && { step: learner.stepState },
      });
    };
  };

  /** Begins the trace of a training. */
  override beforeTrain(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a validation, of a test, or of a training that is resumed. */
  protected override beforePass(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a training that is resumed in the middle of an epoch. */
  override beforeBatch(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a prediction, which has no hooks between steps. */
  override setUp(learner: AnyLearner, kind: RunKind): void {
    if (kind === "predict") this.#follow(learner);
  }

  /** The trace in Chrome's format, as plain JSON. */
  toJSON(): ChromeTrace {
    return chromeTrace([...this.#entries]);
  }

  /**
   * Writes the trace in Chrome's format.
   *
   * @param path Of the file; missing folders are made.
   */
  async save(path: string | URL): Promise<void> {
    await writeFile(path, JSON.stringify(this));
  }

  /** Begins a new trace if this is another run. */
  #follow(learner: AnyLearner): void {
    const actor = learner.actor as unknown as InspectableActor;
    if (actor === this.#actor) return;
    this.#learner = learner;
    this.#actor = actor;
    this.#entries = new RingBuffer(this.#capacity);
    this.#began = performance.now();
    this.#keep(null, actor.getSnapshot());
    const following = actor.system.inspect(({ type, event, snapshot }) => {
      if (type !== "@xstate.snapshot") return;
      this.#keep(event, snapshot);
      if (snapshot.status !== "active") following.unsubscribe();
    });
  }

  #keep(event: TracedStep["event"], { value, context }: RunSnapshot): void {
    this.#entries.push({ time: this.#now(), event, value, context });
  }

  #now(): number {
    return 1000 * (performance.now() - this.#began);
  }
}

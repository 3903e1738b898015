import type { HookName, TaskName } from "../chart/hooks.ts";
import { writeFile } from "../io/write_file.ts";
import type { RunSnapshot } from "../learner/run_actor.ts";
import { type AnyLearner, Callback, type CallbackLike, nameOf } from "../learner/callback.ts";
import { type ChromeTrace, chromeTrace } from "./chrome_trace.ts";
import { RingBuffer } from "./support/ring_buffer.ts";
import { stateName } from "../chart/state_name.ts";
import type { TracedStep, TracedWork, TraceRecord } from "./support/trace_record.ts";

/** Options of {@linkcode Trace}. */
export interface TraceOptions {
  /** How many hooks, tasks and steps of the machine are kept, the newest. Default: 50,000. */
  capacity?: number;
}

/** The actor of a run, as XState has it. */
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
 * A prediction is traced from its first batch on.
 *
 * @example
 * ```ts
 * import { Learner, replay, sgd, tf, Trace } from "@trainchart/trainchart";
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
 */
export class Trace extends Callback {
  /** Before everybody else, to see them all. */
  override priority: number = -1000;
  readonly #capacity: number;
  #entries: RingBuffer<TracedWork | TracedStep>;
  #learner: AnyLearner | undefined;
  #actor: InspectableActor | undefined;
  #began = 0;

  /**
   * Keeps nothing yet.
   *
   * @param options How much to keep.
   * @throws {RangeError} If the capacity is no integer >= 1.
   */
  constructor({ capacity = 50_000 }: TraceOptions = {}) {
    super();
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Cannot trace as capacity must be an integer >= 1: current value is ${capacity}`,
      );
    }
    this.#capacity = capacity;
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

  /** How many hooks, tasks and steps of the last run are no longer kept. */
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
      });
    };
  };

  /** Begins the trace of a training. */
  override beforeTrain(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a training that is taken up again. */
  override beforeEpoch(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a training that is taken up again. */
  override beforeBatch(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a validation. */
  override beforeValidate(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a test. */
  override beforeTest(learner: AnyLearner): void {
    this.#follow(learner);
  }
  /** Begins the trace of a prediction. */
  override afterPredict(learner: AnyLearner): void {
    this.#follow(learner);
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

  /** Hears of all steps of a run, if it is another one. */
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

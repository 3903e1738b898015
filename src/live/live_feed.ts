import { checkNumber, checkOptions } from "../checks/check_options.ts";
import {
  type AnyLearner,
  type MeasuredPhase,
  metricsOfPhase,
  PassCallback,
} from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { LiveRun } from "./live_run.ts";
import { LiveSeats, type LiveViewer, type Seat } from "./live_seats.ts";
import { LogBuffer } from "./log_buffer.ts";
import { memoryInUse } from "./live_numbers.ts";
import type { LiveState } from "./messages.ts";
import { parseCommand } from "./parse_command.ts";

/** Time between two updates for viewers, in ms. */
const INTERVAL = 50;
/** Time between two refreshes of expensive statistics (memory, mean loss, callbacks), in ms. */
const REFRESH_INTERVAL = 500;

/**
 * Options of {@linkcode LiveFeed}.
 *
 * @category Live page
 */
export interface LiveFeedOptions {
  /** The heading of the page. Default: `"Trainchart"`. */
  title?: string;
  /** Maximum number of points of each curve, an integer >= 2. Default: 1200. */
  samples?: number;
}

/**
 * The place of one viewer.
 *
 * @category Live page
 */
export interface LiveSeat {
  /**
   * Executes a command, given as JSON.
   *
   * @throws {TypeError} If there is no such command.
   */
  ask(command: unknown): void;
  /** Leaves: nothing more is sent. */
  leave(): void;
}

/**
 * Shows a run to viewers of any kind, and executes their commands. Without a viewer it keeps a
 * bounded curve, and computes nothing else.
 *
 * @example
 * ```ts
 * import { LiveFeed } from "@trainchart/trainchart/live";
 * import { assertEquals } from "@std/assert";
 *
 * const feed = new LiveFeed({ title: "a line" });
 * const seen: string[] = [];
 * const seat = feed.join({ send: (message) => void seen.push(JSON.parse(message).type) });
 * // await new Learner({ callbacks: [feed], … }).train()
 * seat.leave();
 * assertEquals(seen[0], "hello");
 * ```
 *
 * @category Live page
 */
export class LiveFeed extends PassCallback {
  /** Runs after every callback whose results are to be shown. */
  override priority: number = PRIORITIES.display;
  readonly #title: string;
  readonly #samples: number;
  readonly #seats = new LiveSeats();
  readonly #log = new LogBuffer();
  #run: LiveRun | undefined;
  #runs = 0;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #refreshed = -Infinity;
  /** The state in which the run ended, for viewers that come later. */
  #final: LiveState | undefined;

  /**
   * Checks the options.
   *
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `samples` is not an integer >= 2.
   */
  constructor(options: LiveFeedOptions = {}) {
    super();
    checkOptions("show a run", options, { title: true, samples: true });
    const { title = "Trainchart", samples = 1200 } = options;
    this.#title = title;
    this.#samples = checkNumber("keep curves", "samples", samples, { integer: true, min: 2 });
  }

  /** Number of viewers. */
  get viewers(): number {
    return this.#seats.size;
  }

  /** Adds a viewer: it is sent everything so far, and from then on everything new. */
  join(viewer: LiveViewer): LiveSeat {
    const seat = this.#seats.add(viewer);
    this.#seats.send(seat, { type: "hello", title: this.#title });
    this.#update();
    this.#look();
    return {
      ask: (command) => this.#execute(command, seat),
      leave: () => {
        this.#seats.remove(seat);
        if (this.#seats.size === 0) this.#lookAway();
      },
    };
  }

  /** Writes a line for the viewers: `new ProgressBar({ write: (text) => feed.log(text) })`. */
  log(text: string): void {
    this.#log.add(text);
  }

  /** Follows the run. */
  override beforeTrain(learner: AnyLearner): void | Promise<void> {
    const begun = this.#follow(learner);
    this.log(`training: ${learner.epochs} ${learner.epochs === 1 ? "epoch" : "epochs"}`);
    return begun;
  }
  /** Follows the run, if the feed was added after its start. */
  protected override beforePass(learner: AnyLearner): void | Promise<void> {
    return this.#follow(learner);
  }
  /** Cancels the batch, if a viewer asked for that between two batches. */
  override beforeBatch(): void {
    this.#run?.control.beginBatch();
  }
  /** Cancels the batch, if a viewer asked for that between two batches. */
  override beforeValidationBatch(): void {
    this.#run?.control.beginBatch();
  }
  /** Cancels the batch, if a viewer asked for that between two batches. */
  override beforeTestBatch(): void {
    this.#run?.control.beginBatch();
  }
  /** Counts the batch, and keeps its loss in a training. */
  protected override afterPassBatch(
    learner: AnyLearner,
    pass: MeasuredPhase,
  ): void | Promise<void> {
    const begun = this.#follow(learner);
    this.#run!.countBatch();
    if (pass === "train") this.#run!.curves.addBatch(learner);
    return begun;
  }
  /** Logs the metrics of the pass, and adds them to the curves. */
  protected override async afterPass(learner: AnyLearner, pass: MeasuredPhase): Promise<void> {
    await this.#follow(learner);
    const { curves } = this.#run!;
    const label = pass === "train" ? `epoch ${learner.epoch + 1}/${learner.epochs}` : pass;
    this.#logMetrics(label, pass, learner);
    if (pass !== "test") {
      curves.addPhase(pass === "train" ? "epochs" : "validations", pass, learner);
    }
    await curves.settled();
  }
  /** Logs the errors. */
  override onError(learner: AnyLearner): void {
    for (const { error, during, callback } of learner.failures) {
      this.log(`${callback ? `${callback}.` : ""}${during} threw ${error}`);
    }
  }

  /** Called when a run has begun: override it to open what the run needs. */
  protected began(): void | Promise<void> {}
  /** Called when a run has ended and every viewer was sent its end: override it to clean up. */
  protected ended(): void {}

  /** Begins to follow the run, if it is another one. */
  #follow(learner: AnyLearner): void | Promise<void> {
    const { actor } = learner;
    if (actor === this.#run?.actor || !actor) return;
    this.#lookAway();
    this.#final = undefined;
    const run: LiveRun = this.#run = new LiveRun(learner, {
      id: ++this.#runs,
      samples: this.#samples,
      onEnd: () => this.#end(run, learner.reason),
    });
    this.#seats.restart();
    const begun = this.began();
    this.#look();
    return begun;
  }

  #end(run: LiveRun, cancelReason: string | undefined): void {
    const { value, context } = run.actor.getSnapshot();
    const reason = context.error ?? cancelReason;
    this.log(`${value}${reason === undefined ? "" : `: ${reason}`}`);
    this.#lookAway();
    this.#update();
    this.ended();
  }

  /** Begins to update the viewers, if there are any and a run is in progress. */
  #look(): void {
    if (this.#seats.size === 0 || this.#ticking || !this.#run?.active) return;
    this.#run.watch();
    this.#ticking = setInterval(() => this.#update(), INTERVAL);
  }

  #lookAway(): void {
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#run?.unwatch();
  }

  #execute(text: unknown, seat: Seat): void {
    const command = parseCommand(text);
    const refusal = this.#run?.active
      ? this.#run.control.execute(command)
      : "No run is in progress";
    if (refusal !== undefined) return this.#seats.send(seat, { type: "refused", reason: refusal });
    this.log(
      command.type === "learningRate"
        ? `a viewer sets the learning rate to ${command.value}`
        : `a viewer asks: ${command.type}`,
    );
    this.#update();
  }

  #logMetrics(label: string, phase: MeasuredPhase, learner: AnyLearner): void {
    const values = Object.entries(metricsOfPhase(learner, phase))
      .map(([name, value]) => `${name.slice(phase.length + 1)} ${Number(value.toPrecision(4))}`);
    this.log(`${label}: ${values.join(", ")}`);
  }

  /** Sends every viewer what is new. A loader that cannot say its length, say, ends no training. */
  #update(): void {
    if (this.#seats.size === 0) return this.#lookAway();
    try {
      this.#broadcast();
    } catch (error) {
      this.#lookAway();
      console.warn("Cannot show the run, which continues:", error);
    }
  }

  #broadcast(): void {
    const run = this.#run;
    const due = performance.now() - this.#refreshed > REFRESH_INTERVAL || !run?.active;
    if (due) {
      this.#refreshed = performance.now();
      run?.refresh();
    }
    this.#seats.broadcast({
      state: this.#state(),
      work: due ? run?.work : undefined,
      curves: run?.curves,
      log: this.#log,
    });
  }

  /** The state of the run; after its end, always the same. */
  #state(): LiveState {
    if (this.#final) return this.#final;
    if (!this.#run) return this.#waiting();
    const state = this.#run.state(this.#seats.size);
    if (!this.#run.active) this.#final = state;
    return state;
  }

  /** The state before the first run. */
  #waiting(): LiveState {
    return {
      type: "state",
      run: 0,
      active: [],
      shares: {},
      accepts: [],
      status: "waiting",
      phase: "idle",
      epoch: 0,
      epochs: 0,
      step: null,
      batch: 0,
      batches: null,
      progress: null,
      loss: null,
      metrics: {},
      learningRate: null,
      examplesPerSecond: 0,
      seconds: 0,
      secondsLeft: null,
      memory: memoryInUse(),
      viewers: this.#seats.size,
    };
  }
}

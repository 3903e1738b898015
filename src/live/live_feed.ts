import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { tf } from "../deps/tfjs.ts";
import { RUN_EVENTS, type RunActor, type RunSnapshot } from "../learner/run_actor.ts";
import { heapUsed } from "./heap_used.ts";
import { LiveControl } from "./live_control.ts";
import { type CurveCursors, jsonNumber, jsonNumbers, LiveCurves, rateOf } from "./live_curves.ts";
import type { LiveCommand, LiveMemory, LiveMessage, LiveState, RunEnd } from "./messages.ts";
import { parseCommand } from "./parse_command.ts";
import { RunMeter } from "./run_meter.ts";
import { statePaths } from "../diagram/state_paths.ts";
import { WorkSampler } from "./work_sampler.ts";

/** How often viewers are told, ms. */
const INTERVAL = 50;
/** How often what costs something to find out is found out, ms. */
const SELDOM = 500;
/** How many lines of the log are kept, and how long one may be, in characters. */
const LINES = 200;
const LINE = 500;
/** How many hooks a viewer is told of. */
const WORK = 14;

/** Options of {@linkcode LiveFeed}. */
export interface LiveFeedOptions {
  /** What is written above everything. Default: `"Trainchart"`. */
  title?: string;
  /** At most how many points of each curve are kept, an integer >= 2. Default: 1200. */
  samples?: number;
}

/** Somebody who looks. */
export interface LiveViewer {
  /** Takes a message, as JSON. */
  send(message: string): void;
  /** Whether it is better not to send now; what is missed is sent later. Default: never. */
  readonly busy?: boolean;
}

/** What a viewer can do. */
export interface LiveSeat {
  /**
   * Asks for something, as JSON.
   *
   * @throws {TypeError} If there is no such command.
   */
  ask(command: unknown): void;
  /** Looks no longer. */
  leave(): void;
}

interface Seat {
  readonly viewer: LiveViewer;
  cursors: CurveCursors;
  lines: number;
  state: string;
}

/**
 * Shows a run to viewers, wherever they are, and does what they ask for. Without a viewer it
 * keeps a bounded curve, and computes nothing else.
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
 */
export class LiveFeed extends Callback {
  /** After everything that is to be shown. */
  override priority: number = PRIORITIES.display;
  readonly #title: string;
  readonly #samples: number;
  readonly #seats = new Set<Seat>();
  readonly #visited = new Map<string, RunSnapshot>();
  #curves: LiveCurves;
  #meter: RunMeter | undefined;
  #lines: { time: number; text: string }[] = [];
  #logged = 0;
  #learner: AnyLearner | undefined;
  #actor: RunActor | undefined;
  #run = 0;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #sampler: WorkSampler | undefined;
  #seldom = -Infinity;
  #loss: number | null = null;
  #memory: LiveMemory = { tensors: 0, bytes: 0, heap: null };
  #control: LiveControl | undefined;
  /** How the run ended, for who comes later. */
  #last: LiveState | undefined;

  /**
   * Checks the options.
   *
   * @throws {RangeError} If `samples` is not an integer >= 2.
   */
  constructor({ title = "Trainchart", samples = 1200 }: LiveFeedOptions = {}) {
    super();
    if (!Number.isInteger(samples) || samples < 2) {
      throw new RangeError(
        `Cannot keep curves as samples must be an integer >= 2: current value is ${samples}`,
      );
    }
    this.#title = title;
    this.#samples = samples;
    this.#curves = new LiveCurves(samples);
  }

  /** How many are looking. */
  get viewers(): number {
    return this.#seats.size;
  }

  /** Shows somebody everything there is, and from then on whatever is new. */
  join(viewer: LiveViewer): LiveSeat {
    const seat: Seat = { viewer, cursors: this.#curves.cursors(), lines: 0, state: "" };
    this.#seats.add(seat);
    tell(seat, { type: "hello", title: this.#title });
    this.#update();
    this.#look();
    return {
      ask: (command) => this.#obey(parseCommand(command), seat),
      leave: () => {
        if (this.#seats.delete(seat) && this.#seats.size === 0) this.#lookAway();
      },
    };
  }

  /** Writes a line for the viewers: `new ProgressBar({ write: (text) => feed.log(text) })`. */
  log(text: string): void {
    this.#lines.push({ time: Date.now(), text: text.trimEnd().slice(0, LINE) });
    this.#logged++;
    if (this.#lines.length > LINES) this.#lines.shift();
  }

  /** Begins. */
  override beforeTrain(learner: AnyLearner): void | Promise<void> {
    const begun = this.#follow(learner);
    this.log(`training: ${learner.epochs} ${learner.epochs === 1 ? "epoch" : "epochs"}`);
    return begun;
  }
  /** Begins, if that was not seen. */
  override beforeEpoch(learner: AnyLearner): void | Promise<void> {
    return this.#follow(learner);
  }
  /** Cancels the batch, if a viewer has asked for that between two batches. */
  override beforeBatch(): void {
    this.#control?.beginBatch();
  }
  /** Counts. */
  override afterBatch(learner: AnyLearner): void | Promise<void> {
    const begun = this.#count(learner);
    this.#curves.addBatch(learner);
    return begun;
  }
  /** Keeps what was measured. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    this.#curves.addPhase("epochs", "train", learner);
    this.#logMetrics(`epoch ${learner.epoch + 1}/${learner.epochs}`, "train", learner);
    await this.#curves.settled();
  }
  /** Begins, if that was not seen. */
  override beforeValidate(learner: AnyLearner): void | Promise<void> {
    return this.#follow(learner);
  }
  /** Cancels the batch, if a viewer has asked for that between two batches. */
  override beforeValidationBatch(): void {
    this.#control?.beginBatch();
  }
  /** Counts. */
  override afterValidationBatch(learner: AnyLearner): void | Promise<void> {
    return this.#count(learner);
  }
  /** Keeps what was measured. */
  override afterValidate(learner: AnyLearner): void {
    this.#curves.addPhase("validations", "validation", learner);
    this.#logMetrics("validation", "validation", learner);
  }
  /** Begins, if that was not seen. */
  override beforeTest(learner: AnyLearner): void | Promise<void> {
    return this.#follow(learner);
  }
  /** Cancels the batch, if a viewer has asked for that between two batches. */
  override beforeTestBatch(): void {
    this.#control?.beginBatch();
  }
  /** Counts. */
  override afterTestBatch(learner: AnyLearner): void | Promise<void> {
    return this.#count(learner);
  }
  /** Tells what was measured. */
  override afterTest(learner: AnyLearner): void {
    this.#logMetrics("test", "test", learner);
  }
  /** Tells what went wrong. */
  override onError(learner: AnyLearner): void {
    for (const { error, during, callback } of learner.failures) {
      this.log(`${callback ? `${callback}.` : ""}${during} threw ${error}`);
    }
  }

  /** A run has begun: overridden where something is to be opened for it. */
  protected began(): void | Promise<void> {}
  /** A run has ended, and every viewer was told: overridden where something is to be closed. */
  protected ended(): void {}

  /** Notices that this is another run. */
  #follow(learner: AnyLearner): void | Promise<void> {
    const { actor } = learner;
    if (actor === this.#actor || !actor) return;
    this.#lookAway();
    this.#learner = learner;
    this.#actor = actor;
    this.#run++;
    this.#curves = new LiveCurves(this.#samples);
    this.#meter = new RunMeter(learner);
    this.#loss = null;
    this.#last = undefined;
    this.#control = new LiveControl(learner);
    for (const seat of this.#seats) seat.cursors = this.#curves.cursors();
    let paused = false;
    actor.subscribe({
      next: (snapshot) => {
        if (snapshot.hasTag("paused") !== paused) this.#meter!.paused = paused = !paused;
        if (this.#ticking) this.#visited.set(JSON.stringify(snapshot.value), snapshot);
      },
      complete: () => this.#end(),
    });
    const begun = this.began();
    this.#look();
    return begun;
  }

  /** Counts the examples of a batch, also in a run whose beginning was not seen. */
  #count(learner: AnyLearner): void | Promise<void> {
    const begun = this.#follow(learner);
    this.#meter!.examples += learner.batchSize;
    return begun;
  }

  #end(): void {
    const { value, context } = this.#actor!.getSnapshot();
    const reason = context.error ?? this.#learner!.reason;
    this.log(`${value}${reason === undefined ? "" : `: ${reason}`}`);
    this.#meter!.paused = true;
    this.#lookAway();
    this.#last = this.#state();
    this.#update();
    this.ended();
  }

  /** With a viewer, and while there is something to see. */
  #look(): void {
    if (this.#seats.size === 0 || this.#ticking || !this.#underWay) return;
    this.#sampler = new WorkSampler(this.#learner!);
    this.#ticking = setInterval(() => this.#update(), INTERVAL);
  }

  #lookAway(): void {
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#visited.clear();
    this.#sampler?.stop();
  }

  get #underWay(): boolean {
    return this.#actor?.getSnapshot().status === "active";
  }

  #obey(command: LiveCommand, seat: Seat): void {
    const refusal = this.#underWay ? this.#control!.obey(command) : "No run is under way";
    if (refusal !== undefined) return tell(seat, { type: "refused", reason: refusal });
    this.log(
      command.type === "learningRate"
        ? `a viewer sets the learning rate to ${command.value}`
        : `a viewer asks: ${command.type}`,
    );
    this.#update();
  }

  #logMetrics(label: string, phase: string, { metrics }: AnyLearner): void {
    const values = Object.entries(metrics).filter(([name]) => name.startsWith(`${phase}.`))
      .map(([name, value]) => `${name.slice(phase.length + 1)} ${Number(value.toPrecision(4))}`);
    this.log(`${label}: ${values.join(", ")}`);
  }

  /** Tells every viewer what is new. */
  #update(): void {
    if (this.#seats.size === 0) return;
    const seldom = performance.now() - this.#seldom > SELDOM || !this.#underWay;
    if (seldom) this.#lookClosely();
    const state = JSON.stringify(this.#last ?? this.#state());
    const work = seldom && this.#sampler ? JSON.stringify(this.#work(this.#sampler)) : undefined;
    for (const seat of this.#seats) {
      if (seat.viewer.busy) continue;
      if (seat.state !== state) seat.viewer.send(seat.state = state);
      if (work) seat.viewer.send(work);
      for (const points of this.#curves.since(seat.cursors)) tell(seat, points);
      const missed = Math.min(this.#logged - seat.lines, this.#lines.length);
      if (missed > 0) tell(seat, { type: "log", lines: this.#lines.slice(-missed) });
      seat.lines = this.#logged;
    }
  }

  /** What takes longer to find out, or waits for the device. */
  #lookClosely(): void {
    this.#seldom = performance.now();
    const { numTensors: tensors, numBytes: bytes } = tf.memory();
    this.#memory = { tensors, bytes, heap: heapUsed() };
    if (this.#underWay) {
      this.#sampler?.turn();
      this.#learner!.lossSoFar().then((loss) => this.#loss = jsonNumber(loss), () => {});
    }
  }

  #state(): LiveState {
    const learner = this.#learner;
    const snapshot = this.#actor?.getSnapshot();
    const paused = snapshot?.hasTag("paused") ?? false;
    const visited = paused ? [] : [...this.#visited];
    this.#visited.clear();
    const { batches = null, progress = null } = learner ? this.#meter!.progressOf(learner) : {};
    const active = snapshot ? statePaths(snapshot.value, "learner") : [];
    const accepts = RUN_EVENTS.filter((type) =>
      this.#underWay &&
      (snapshot!.can({ type }) || visited.some(([, snapshot]) => snapshot.can({ type })))
    );
    return {
      type: "state",
      run: this.#run,
      active,
      visited: visited.flatMap(([, { value }]) => statePaths(value, "learner"))
        .filter((path, index, all) => !active.includes(path) && all.indexOf(path) === index),
      accepts,
      status: statusOf(snapshot, paused),
      reason: snapshot?.context.error ?? learner?.reason,
      phase: learner?.phase ?? "idle",
      epoch: learner?.epoch ?? 0,
      epochs: learner?.epochs ?? 0,
      batch: (learner?.batchIndex ?? -1) + 1,
      batches,
      progress: snapshot?.value === "completed" ? 1 : progress,
      loss: this.#loss,
      metrics: jsonNumbers(learner?.metrics ?? {}),
      learningRate: learner ? rateOf(learner) : null,
      examplesPerSecond: Math.round(this.#meter?.examplesPerSecond ?? 0),
      seconds: Math.round(10 * (this.#meter?.seconds ?? 0)) / 10,
      secondsLeft: this.#underWay ? this.#meter!.secondsLeft(progress) : null,
      memory: this.#memory,
      viewers: this.#seats.size,
    };
  }

  #work({ seconds, work }: WorkSampler): LiveMessage {
    return { type: "work", seconds, work: work.slice(0, WORK) };
  }
}

function tell({ viewer }: Seat, message: LiveMessage): void {
  viewer.send(JSON.stringify(message));
}

function statusOf(snapshot: RunSnapshot | undefined, paused: boolean): LiveState["status"] {
  if (!snapshot) return "waiting";
  if (snapshot.status !== "active") return snapshot.value as RunEnd;
  if (paused) return "paused";
  return snapshot.context.hold ? "pausing" : "running";
}

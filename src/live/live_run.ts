import type { AnyLearner } from "../learner/callback.ts";
import { statePaths } from "../diagram/state_paths.ts";
import { RUN_EVENTS, type RunActor, type RunSnapshot } from "../learner/run_interface.ts";
import { currentRate, jsonNumber, jsonNumbers, memoryInUse } from "./live_numbers.ts";
import { LiveControl } from "./live_control.ts";
import { LiveCurves } from "./live_curves.ts";
import type { LiveState, LiveWork, RunEnd } from "./messages.ts";
import { RunMeter } from "./run_meter.ts";
import { StateClock } from "./state_clock.ts";
import { WorkSampler } from "./work_sampler.ts";

/** Number of hooks and tasks in the table of times. */
const WORK_ROWS = 14;

/** Options of {@linkcode LiveRun}. */
export interface LiveRunOptions {
  /** Number of the run. */
  readonly id: number;
  /** Maximum number of points of each curve. */
  readonly samples: number;
  /** Called when the run has ended. */
  readonly onEnd: () => void;
}

/** One run of a Learner, measured and described for viewers. */
export class LiveRun {
  /** The actor of the run. */
  readonly actor: RunActor;
  /** The curves of the run. */
  readonly curves: LiveCurves;
  /** Executes the commands of viewers. */
  readonly control: LiveControl;
  readonly #learner: AnyLearner;
  readonly #id: number;
  readonly #meter: RunMeter;
  readonly #clock = new StateClock();
  #sampler: WorkSampler | undefined;
  #watching = false;
  #loss: number | null = null;
  #memory = memoryInUse();

  /** Follows the run that is in progress. */
  constructor(learner: AnyLearner, { id, samples, onEnd }: LiveRunOptions) {
    this.actor = learner.actor!;
    this.curves = new LiveCurves(samples);
    this.control = new LiveControl(learner);
    this.#learner = learner;
    this.#id = id;
    this.#meter = new RunMeter(learner);
    let paused = false;
    this.actor.subscribe({
      next: (snapshot) => {
        if (snapshot.hasTag("paused") !== paused) this.#meter.paused = paused = !paused;
        if (this.#watching) this.#clock.enter(snapshot);
      },
      complete: () => {
        this.#meter.paused = true;
        onEnd();
      },
    });
  }

  /** Whether the run is in progress. */
  get active(): boolean {
    return this.actor.getSnapshot().status === "active";
  }

  /** Counts the examples of a batch. */
  countBatch(): void {
    this.#meter.examples += this.#learner.batchSize;
  }

  /** Begins to measure what only viewers need. */
  watch(): void {
    this.#watching = true;
    this.#clock.start(this.actor.getSnapshot());
    this.#sampler = new WorkSampler(this.#learner);
  }

  /** Stops measuring what only viewers need. */
  unwatch(): void {
    this.#watching = false;
    this.#sampler?.stop();
    this.#clock.stop();
  }

  /** Refreshes the statistics that take time to compute, or wait for the device. */
  refresh(): void {
    this.#memory = memoryInUse();
    if (!this.active) return;
    if (this.#watching) this.#sampler!.turn();
    this.#learner.lossSoFar().then((loss) => this.#loss = jsonNumber(loss), () => {});
  }

  /** Time per hook and task, once a viewer has looked. */
  get work(): LiveWork | undefined {
    if (!this.#sampler) return undefined;
    const { seconds, work } = this.#sampler;
    return { type: "work", seconds, work: work.slice(0, WORK_ROWS) };
  }

  /** Describes the run; shares of time begin again. */
  state(viewers: number): LiveState {
    const learner = this.#learner;
    const snapshot = this.actor.getSnapshot();
    const paused = snapshot.hasTag("paused");
    const { snapshots, shares } = this.#clock.read();
    const visited = paused ? [] : snapshots;
    const { batches, progress } = this.#meter.progressOf(learner);
    const active = statePaths(snapshot.value, "learner");
    const accepts = RUN_EVENTS.filter((type) =>
      this.active && [snapshot, ...visited].some((snapshot) => snapshot.can({ type }))
    );
    return {
      type: "state",
      run: this.#id,
      active,
      shares: this.active && !paused ? rounded(shares) : {},
      accepts,
      status: statusOf(snapshot, paused),
      reason: snapshot.context.error ?? learner.reason,
      phase: learner.phase,
      epoch: learner.epoch,
      epochs: learner.epochs,
      step: learner.stepState ?? null,
      batch: learner.batchIndex + 1,
      batches,
      progress: snapshot.value === "completed" ? 1 : progress,
      loss: this.#loss,
      metrics: jsonNumbers(learner.metrics),
      learningRate: currentRate(learner),
      examplesPerSecond: Math.round(this.#meter.examplesPerSecond),
      seconds: Math.round(10 * this.#meter.seconds) / 10,
      secondsLeft: this.active ? this.#meter.secondsLeft(progress) : null,
      memory: this.#memory,
      viewers,
    };
  }
}

function statusOf(snapshot: RunSnapshot, paused: boolean): LiveState["status"] {
  if (snapshot.status !== "active") return snapshot.value as RunEnd;
  if (paused) return "paused";
  return snapshot.context.hold ? "pausing" : "running";
}

/** Shares to the nearest thousandth, without those of zero. */
function rounded(shares: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(shares).map(([path, share]) => [path, Math.round(1000 * share) / 1000])
      .filter(([, share]) => share as number > 0),
  );
}

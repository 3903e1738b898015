import { CancelBatch, CancelEpoch, CancelTrain } from "../errors.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { RunEvent } from "../learner/run_interface.ts";
import { broadcastText } from "./bundle.ts";
import {
  cancellationOf,
  cancelOf,
  CANCELS,
  decodeReports,
  encodeReport,
  isAhead,
  PHASES,
  type RankReport,
} from "./rank_report.ts";
import type { World } from "./world.ts";

/** The requests from outside, the strongest last; the first stands for none. */
const REQUESTS: readonly (RunEvent | undefined)[] = [
  undefined,
  "pause",
  "step",
  "resume",
  "cancel.batch",
  "cancel.epoch",
  "cancel.train",
];

/** More than the number of meetings in a batch. */
const BATCH = 64;

/** The points of a pass at which all ranks meet, as numbers ascending in time. */
export const STEPS = {
  /** Before a pass begins. */
  gate: () => -2,
  /** Before the loader is opened. */
  open: () => -1,
  /** Before a batch is fetched. */
  fetch: (batch: number) => BATCH * batch,
  /** While the run is paused. */
  held: (batch: number) => BATCH * batch + 1,
  /** Before gradients are exchanged, or a batch is evaluated. */
  exchange: (batch: number) => BATCH * batch + 2,
  /** Before the weights are updated. */
  update: (batch: number) => BATCH * batch + 3,
  /** After a batch, to sum numbers of it. */
  sum: (batch: number, count: number) => BATCH * batch + 3 + count,
  /** At any time, on the rank that gathers states; the others then repeat their own meeting. */
  collect: () => -3,
  /** After the last batch; sums of the pass follow. */
  end: (count = 0) => 2 ** 40 + count,
};

/** Number of the first pass after the training. */
const TRAINED = 2 ** 30;

/**
 * Keeps the runs of all ranks at the same point.
 *
 * All ranks exchange reports at fixed points of a batch. A rank whose phase was cancelled reports a
 * later point; the others see it, raise the same cancel, and catch up. Requests from outside are
 * carried out where all ranks are at the same point.
 */
export class Lockstep {
  readonly #world: World;
  #pass = 0;
  #request: { code: number; reason?: string } | undefined;
  #steering = false;
  readonly #serve: () => void;

  /** `serve` is called when another rank gathers states. */
  constructor(world: World, serve: () => void) {
    this.#world = world;
    this.#serve = serve;
  }

  /** Begins a run. */
  begin(): void {
    this.#pass = 0;
    this.#request = undefined;
  }

  /** Begins a pass over a loader, or ends the training. */
  enter(trained: boolean): void {
    this.#pass = trained ? TRAINED : this.#pass + 1;
  }

  /** Notes a request from outside; returns whether it will be carried out later. */
  postpone(event: RunEvent, reason?: string): boolean {
    if (this.#steering) return false;
    const code = REQUESTS.indexOf(event);
    if (code > (this.#request?.code ?? 0)) this.#request = { code, reason };
    return true;
  }

  /**
   * Waits until all ranks are at the same point.
   *
   * @returns The reports of all ranks; `undefined` where other ranks will not come, since their pass
   *   was cancelled: then no rank does the joint work.
   * @throws {Cancellation} If a phase was cancelled on another rank.
   * @throws {RangeError} If another rank has fewer batches or epochs.
   */
  meet(
    learner: AnyLearner,
    step: number,
    more: Partial<RankReport> = {},
  ): RankReport[] | undefined {
    if (learner.failures.length > 0) return; // the job is about to end
    for (;;) {
      const cancel = cancelOf(learner);
      const request = this.#request?.code ?? 0;
      const phase = PHASES.indexOf(learner.phase);
      const none = { weight: 0, examples: 0, elements: 0 };
      const own = { pass: this.#pass, step, phase, cancel, request, ...none, ...more };
      const reports = decodeReports(this.#world.gather(encodeReport(own)));
      if (reports.some(({ step }) => step === STEPS.collect())) {
        if (step === STEPS.collect()) return reports;
        this.#serve();
        continue;
      }
      const front = reports.reduce((first, next) => isAhead(next, first) ? next : first);
      const behind = reports.some((report) => isAhead(front, report));
      if (!behind) return reports;
      const ahead = reports.map((report) => isAhead(front, report) ? CANCELS.none : report.cancel);
      const strongest = Math.max(...ahead);
      const reason = this.#reason(learner, strongest, ahead.indexOf(strongest));
      if (!isAhead(front, own)) continue;
      if (step >= STEPS.end()) return;
      if (strongest > CANCELS.none) throw cancellationOf(strongest, reason);
      const [counted, lacks] = front.pass === this.#pass
        ? ["batches", `batch ${learner.batchIndex + 1}`]
        : ["epochs", `epoch ${learner.epoch}`];
      throw new RangeError(
        `Cannot continue as all ranks must take the same number of ${counted}: ` +
          `rank ${reports.indexOf(front)} has no ${lacks}`,
      );
    }
  }

  /**
   * Waits until all ranks are at the same point, and carries out the strongest request of any rank.
   *
   * @returns As {@linkcode Lockstep.meet}.
   * @throws {Cancellation} If a phase was cancelled on another rank, or a cancel was requested.
   */
  agree(learner: AnyLearner, step: number, more?: Partial<RankReport>): RankReport[] | undefined {
    const reports = this.meet(learner, step, more);
    if (!reports) return;
    const cancels = reports.map(({ cancel }) => cancel === CANCELS.train ? cancel : CANCELS.none);
    if (cancels.includes(CANCELS.train) && cancels.includes(CANCELS.none)) {
      const reason = this.#reason(learner, CANCELS.train, cancels.indexOf(CANCELS.train));
      throw cancellationOf(CANCELS.train, reason);
    }
    const requests = reports.map(({ request }) => request);
    const strongest = Math.max(...requests);
    if (strongest === 0) return reports;
    const reason = broadcastText(this.#world, this.#request?.reason, requests.indexOf(strongest));
    this.#request = undefined;
    const event = REQUESTS[strongest]!;
    if (event === "pause" || event === "resume" || event === "step") {
      this.directly(() => learner[event]());
    } else if (event === "cancel.train") throw new CancelTrain(reason);
    else if (event === "cancel.epoch") throw new CancelEpoch(reason);
    // Between two batches, the batch that was meant is over.
    else if (learner.can(event)) throw new CancelBatch(reason);
    return reports;
  }

  /**
   * Waits until all ranks begin a pass.
   *
   * @returns The reports of all ranks.
   * @throws {Error} If the passes are of different kinds.
   */
  beginPass(learner: AnyLearner, more: Partial<RankReport>): RankReport[] | undefined {
    const reports = this.agree(learner, STEPS.gate(), more);
    const other = reports?.findIndex(({ phase }) => PHASES[phase] !== learner.phase) ?? -1;
    if (!reports || other < 0) return reports;
    throw new Error(
      `Cannot continue as all ranks must do the same: rank ${this.#world.rank} is to ` +
        `${learner.phase}, rank ${other} is to ${PHASES[reports[other].phase]}`,
    );
  }

  /** Steers the Learner without postponing, since all ranks do so at this point. */
  directly(steer: () => void): void {
    this.#steering = true;
    try {
      steer();
    } finally {
      this.#steering = false;
    }
  }

  /** The reason of a cancel, sent by the rank that raised it. */
  #reason(learner: AnyLearner, cancel: number, rank: number): string {
    if (cancel < CANCELS.train) return `as on rank ${rank}`;
    const reason = broadcastText(this.#world, learner.reason, rank);
    return !reason || rank === this.#world.rank ? reason : `${reason} (on rank ${rank})`;
  }
}

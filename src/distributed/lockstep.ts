import { CancelBatch, CancelEpoch, CancelTrain } from "../errors.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { RunEvent } from "../learner/run_actor.ts";
import { broadcastText } from "./bundle.ts";
import {
  cancellationOf,
  cancelOf,
  CANCELS,
  decodeReports,
  encodeReport,
  isAhead,
  PHASES,
  type Report,
} from "./report.ts";
import type { World } from "./world.ts";

/** What may be asked for from outside, the strongest last; the first is nothing. */
const REQUESTS: readonly (RunEvent | undefined)[] = [
  undefined,
  "pause",
  "step",
  "resume",
  "cancel.batch",
  "cancel.epoch",
  "cancel.train",
];

/** There are fewer meetings in a batch. */
const BATCH = 64;

/** The meetings of a batch, and those around all batches of a pass. */
export const STEPS = {
  /** Before the hooks before a pass. */
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
  /** After a batch, to add up numbers of it. */
  sum: (batch: number, count: number) => BATCH * batch + 3 + count,
  /** At any time, by a process that gathers what the others have; they go on as before. */
  collect: () => -3,
  /** After the last batch; numbers are added up from here on. */
  end: (count = 0) => 2 ** 40 + count,
};

/** From here on, passes are behind the training. */
const TRAINED = 2 ** 30;

/**
 * Keeps the runs of all processes at the same point.
 *
 * They meet several times in a batch. Whoever was cut short meets the others further on than they
 * are: they hear of it, cut short the same, and come after. What was asked for from outside is
 * obeyed where all are at the same point.
 */
export class Lockstep {
  readonly #world: World;
  #pass = 0;
  #request: { code: number; reason?: string } | undefined;
  #obeying = false;
  readonly #serve: () => void;

  /** Calls `serve` whenever another process gathers something. */
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
  enter(next: "pass" | "trained"): void {
    this.#pass = next === "trained" ? TRAINED : this.#pass + 1;
  }

  /** Notes what was asked for; returns whether it is going to be obeyed later. */
  postpone(event: RunEvent, reason?: string): boolean {
    if (this.#obeying) return false;
    const code = REQUESTS.indexOf(event);
    if (code > (this.#request?.code ?? 0)) this.#request = { code, reason };
    return true;
  }

  /**
   * Waits until all are at the same point.
   *
   * @returns Where all are; `undefined` where the others have been cut short, so that they are not
   *   coming: what was to be done together is not done by anybody.
   * @throws {Cancellation} If another process was cut short, or somebody has asked for it.
   */
  meet(learner: AnyLearner, step: number, more: Partial<Report> = {}): Report[] | undefined {
    if (learner.failures.length > 0) return; // the job is about to end
    for (;;) {
      const cancel = cancelOf(learner);
      const request = this.#request?.code ?? 0;
      const phase = PHASES.indexOf(learner.phase);
      const none = { examples: 0, elements: 0 };
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
      const lacks = front.pass === this.#pass
        ? `batches: rank ${reports.indexOf(front)} has no batch ${learner.batchIndex + 1}`
        : `epochs: rank ${reports.indexOf(front)} has no epoch ${learner.epoch}`;
      throw new RangeError(
        `Cannot go on as all ranks must take the same number of ${lacks}, as others have`,
      );
    }
  }

  /** Waits until all are at the same point, and does what somebody has asked for. */
  agree(learner: AnyLearner, step: number, more?: Partial<Report>): Report[] | undefined {
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
    // Between two batches, the one that was meant is over.
    else if (learner.can(event)) throw new CancelBatch(reason);
    return reports;
  }

  /**
   * Waits until all begin a pass.
   *
   * @throws {Error} If it is not of the same kind.
   */
  begins(learner: AnyLearner): void {
    const reports = this.agree(learner, STEPS.gate()) ?? [];
    const other = reports.findIndex(({ phase }) => PHASES[phase] !== learner.phase);
    if (other < 0) return;
    throw new Error(
      `Cannot go on as all ranks must do the same: rank ${this.#world.rank} is to ` +
        `${learner.phase}, rank ${other} is to ${PHASES[reports[other].phase]}`,
    );
  }

  /** Steers the Learner at once, because all do. */
  directly(steer: () => void): void {
    this.#obeying = true;
    try {
      steer();
    } finally {
      this.#obeying = false;
    }
  }

  /** Why the training was cut short, as the rank tells that has done so. */
  #reason(learner: AnyLearner, cancel: number, rank: number): string {
    if (cancel < CANCELS.train) return `as on rank ${rank}`;
    const reason = broadcastText(this.#world, learner.reason, rank);
    return !reason || rank === this.#world.rank ? reason : `${reason} (on rank ${rank})`;
  }
}

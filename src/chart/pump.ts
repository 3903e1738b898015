/**
 * The pump does the work that the machine asks for.
 *
 * The machine's entry and exit actions only queue named work. After each macrostep the pump runs
 * the queue in order, awaiting only what is thenable, and then sends the machine exactly one event:
 * `next` with the facts that its guards need, a cancel, or `fail`. So hooks may be asynchronous,
 * their order is total, and a throw never ends the actor in the middle of a transition.
 *
 * @module
 */
import { createActor, type InspectionEvent, type Observer } from "../deps/xstate.ts";
import { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "../errors.ts";
import {
  type ChartEvent,
  type Facts,
  type LearnerMachine,
  learnerMachine,
  type RunKind,
} from "./chart.ts";
import { type HookName, isFinally, isTask, type TaskName, type WorkName } from "./hooks.ts";
import { isThenable } from "../checks/check_options.ts";
import { HookCalls, type Listeners, OBSOLETE } from "./hook_calls.ts";
import { type Level, passLevel, type PumpState, releasedSnapshot, Signals } from "./pump_state.ts";
import { memoizeTransitions, queueWork, WORK_QUEUES } from "./pumped_machine.ts";

/** Does the work that the machine names. */
export interface Performer<Listener> extends Listeners<Listener> {
  /** Returns the facts that the machine's guards need now. */
  facts(): Facts;
  /** Does a piece of the Learner's own work. */
  perform(task: TaskName): void | Promise<void>;
}

/** The end of a run. */
export interface RunOutcome {
  /** The final state of the machine. */
  status: "completed" | "cancelled" | "failed";
  /** Why the training was cancelled. */
  reason?: string;
  /** The error that ended the run. */
  error?: unknown;
}

/** Options of {@linkcode Pump}. */
export interface PumpOptions {
  /** The place to continue from. Default: the beginning. */
  from?: PumpState;
  /** Observes the actor, as in XState's `createActor`. */
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
  /** The machine to follow. Default: the chart of the Learner. */
  machine?: LearnerMachine;
}

/** Time between two turns of timers and sockets, in ms. */
const YIELD_AFTER = 50;

/** The real clock, also while a test fakes the time; cheaper than `performance.now`. It may jump. */
const now = Date.now;

const ABORTED = "The phase in which this signal was read was cut short";

/** The phases whose signals end with a task. */
const ENDS: Partial<Record<TaskName, Level>> = {
  disposeBatch: "batch",
  closeInner: "inner",
  closeLoader: "epoch",
};

/** Runs one machine from its first to its final state. */
export class Pump<Listener> {
  /** The actor of the run. */
  readonly actor: ReturnType<typeof createActor<LearnerMachine>>;
  readonly #performer: Performer<Listener>;
  readonly #signals = new Signals();
  readonly #queue: WorkName[] = [];
  /** Counts the accepted cancels: work that began under an earlier count is obsolete. */
  #cancels = 0;
  #wake: (() => void) | undefined;
  #yielded = now();
  #error: { value: unknown } | undefined;
  #reason: string | undefined;
  readonly #hooks: HookCalls<Listener>;
  readonly #from: PumpState | undefined;

  constructor(performer: Performer<Listener>, options: PumpOptions = {}) {
    this.#performer = performer;
    this.#hooks = new HookCalls(performer, {
      cancels: () => this.#cancels,
      place: () => this.actor.getSnapshot().value,
      settle: (error, began, work) => this.#settle(error, began, work),
    });
    const { machine = learnerMachine(), inspect, from } = options;
    this.#from = from;
    this.#reason = from?.reason;
    // An inspector shows each microstep, which only the machine itself takes.
    this.actor = createActor(inspect ? queueWork(machine) : memoizeTransitions(machine), {
      inspect,
      snapshot: from && releasedSnapshot(from.snapshot),
    });
    WORK_QUEUES.set(this.actor, {
      queue: this.#queue,
      wake: () => this.#wake?.(),
      drop: (event) => this.#drop(event),
    });
  }

  /** Aborts when the innermost phase that is open now is cut short. */
  get signal(): AbortSignal {
    return this.#signals.of(this.actor.getSnapshot().value);
  }

  /** Why the training was cancelled. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Whether the machine accepts an event now. */
  can(event: ChartEvent): boolean {
    const snapshot = this.actor.getSnapshot();
    return snapshot.status === "active" && snapshot.can(event);
  }

  /** Sends an event from outside; `false` where the machine does not accept it. */
  request(event: ChartEvent, reason?: string): boolean {
    if (!this.can(event)) return false;
    if (event.type === "cancel.train" && reason) this.#reason ??= reason;
    this.actor.send(event);
    return true;
  }

  /** Starts the machine: from here on, it can be steered. */
  start(kind: RunKind): void {
    this.actor.start();
    if (!this.#from) this.actor.send({ type: kind });
    else if (this.actor.getSnapshot().hasTag("paused")) this.actor.send({ type: "restore" });
    else this.#queue.push(...this.#from.queue);
  }

  /**
   * Returns the place that the run has reached, so that another run can continue from there.
   *
   * @throws {Error} If the run is neither in an after hook nor paused.
   */
  state(): PumpState {
    const hook = this.#hooks.current;
    const snapshot = this.actor.getSnapshot();
    const waiting = snapshot.hasTag("paused") && this.#queue.length === 0;
    if (snapshot.status !== "active" || !(hook ? hook.always : waiting)) {
      throw new Error(
        `Cannot take a checkpoint: the run is in ${
          hook?.name ?? JSON.stringify(snapshot.value)
        }, ` +
          "from where no other run could continue. Take it in an after hook, or while paused.",
      );
    }
    return {
      snapshot: JSON.parse(JSON.stringify(this.actor.getPersistedSnapshot())),
      queue: [...this.#queue],
      ...this.#reason === undefined ? {} : { reason: this.#reason },
      ...hook && { hook: this.#hooks.state() },
    };
  }

  /** Does the work that the machine asks for, until it is in a final state. */
  async run(): Promise<RunOutcome> {
    const { actor } = this;
    await this.#hooks.admit(this.#performer.newcomers());
    await (this.#from?.hook && this.#hooks.finish(this.#from.hook));
    let snapshot = actor.getSnapshot();
    while (snapshot.status === "active") {
      while (this.#queue.length > 0) {
        const running = this.#do(this.#queue.shift()!);
        if (running) await running;
      }
      if (Math.abs(now() - this.#yielded) > YIELD_AFTER) await this.#yield();
      else if (actor.getSnapshot().hasTag("paused")) await this.#woken();
      else actor.send({ type: "next", ...this.#performer.facts() });
      snapshot = actor.getSnapshot();
    }
    if (snapshot.status === "error") throw snapshot.error;
    if (snapshot.status === "stopped") {
      throw new Error(
        'Cannot finish the run: its actor was stopped. Use learner.cancel("train") instead.',
      );
    }
    return {
      status: snapshot.value as RunOutcome["status"],
      reason: this.#reason,
      error: this.#error?.value,
    };
  }

  /** Runs a synchronous hook in the middle of a task. */
  runSynchronously(hook: HookName): void {
    this.#hooks.runSynchronously(hook);
  }

  /** Does one piece of work, once the newcomers are admitted. */
  #do(work: WorkName): void | Promise<void> {
    const newcomers = this.#performer.newcomers();
    return newcomers.length === 0 ? this.#doNow(work) : this.#admitBefore(work, newcomers);
  }

  /** The work is obsolete if a newcomer has cancelled its phase, or failed. */
  async #admitBefore(work: WorkName, newcomers: readonly Listener[]): Promise<void> {
    const began = this.#cancels;
    await this.#hooks.admit(newcomers, [work, ...this.#queue]);
    if (began === this.#cancels || isFinally(work)) await this.#doNow(work);
  }

  /** Does one piece of work; returns a promise only where there is something to wait for. */
  #doNow(work: WorkName): void | Promise<void> {
    if (!isTask(work)) return this.#hooks.run(work as HookName, isFinally(work));
    const ended = ENDS[work];
    if (ended) this.#signals.end(ended);
    const began = this.#cancels;
    try {
      const running = this.#performer.perform(work);
      if (!isThenable(running)) return;
      return Promise.resolve(running).catch((error) => this.#settle(error, began, work));
    } catch (error) {
      this.#settle(error, began, work);
    }
  }

  /** Sends the event that a thrown value stands for. */
  #settle(error: unknown, began: number, work: WorkName | HookName): void {
    const obsolete = began !== this.#cancels;
    if (error === OBSOLETE || (obsolete && this.#signals.echoes(error))) return;
    if (!(error instanceof Cancellation)) return this.#fail(error, work);
    const event = { type: `cancel.${error.cancels}` } as const;
    if (this.request(event, error.message)) return;
    if (obsolete || isFinally(work as WorkName)) return;
    this.#fail(
      new RangeError(
        `Cannot cancel the ${error.cancels} in ${work}: no ${error.cancels} is open there.`,
        { cause: error },
      ),
      work,
    );
  }

  #fail(error: unknown, work: WorkName | HookName): void {
    this.#performer.failed(error, work);
    const event = {
      type: "fail",
      message: error instanceof Error ? error.message : String(error),
    } as const;
    if (this.can(event)) {
      this.#error ??= { value: error };
      this.actor.send(event);
    }
  }

  /** Drops the work that was queued for a phase that is cut short, except work that always runs. */
  #drop(event: ChartEvent): void {
    this.#cancels++;
    this.#queue.splice(0, Infinity, ...this.#queue.filter(isFinally));
    if (event.type === "cancel.batch") this.#signals.abort("batch", new CancelBatch(ABORTED));
    else if (event.type === "cancel.epoch") {
      const level = passLevel(this.actor.getSnapshot().value);
      this.#signals.abort(level, new CancelEpoch(ABORTED));
    } else if (event.type === "cancel.train") {
      this.#signals.abort("train", new CancelTrain(ABORTED));
    } else this.#signals.abort("train", this.#error?.value);
    this.#wake?.();
  }

  async #yield(): Promise<void> {
    await yieldToEventLoop();
    this.#yielded = now();
  }

  /** Waits for an event from outside. Meanwhile a timer keeps the process alive. */
  async #woken(): Promise<void> {
    const alive = setInterval(() => {}, 2 ** 30);
    const stopped = this.actor.subscribe({ complete: () => this.#wake?.() });
    await new Promise<void>((resolve) => this.#wake = resolve);
    this.#wake = undefined;
    stopped.unsubscribe();
    clearInterval(alive);
  }
}

/** Idle time after which the work continues, in ms. */
const QUIET = 0.15;

/** A turn of the event loop that takes longer, in ms, has done something; an idle turn takes 0.002. */
const BUSY = 0.02;

/** Longest time for which sockets are served, in ms. */
const LONGEST = 5;

/** A clock of microseconds, also while a test fakes the time. */
const preciseNow = performance.now.bind(performance);

// deno-lint-ignore no-node-globals -- absent in browsers, and asked for
const { setImmediate } = globalThis as { setImmediate?: (then: () => void) => void };

/**
 * Gives timers and sockets their turn.
 *
 * A `setTimeout` of 0 is right everywhere, but a timer takes a millisecond or two. Where there is a
 * `setImmediate`, one turn of the event loop takes microseconds. An exchange over HTTP needs several
 * turns, so they follow one another until nothing has happened for a moment: an exchange is served to
 * its end, and without one hardly any time is lost. Microtasks and message channels serve neither
 * timers nor sockets.
 */
async function yieldToEventLoop(): Promise<void> {
  if (!setImmediate) return await new Promise((resolve) => setTimeout(resolve, 0));
  const began = preciseNow();
  let served = began;
  for (let turned = began, ended = began; ended - served < QUIET; turned = ended) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    ended = preciseNow();
    if (ended - turned > BUSY) served = ended;
    if (ended - began > LONGEST) return;
  }
}

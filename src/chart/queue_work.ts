import type { ChartEvent, learnerMachine } from "./chart.ts";
import { WORK_NAMES, type WorkName } from "./hooks.ts";

type Machine = typeof learnerMachine;

/** The work that an actor's machine has asked for. */
export interface WorkQueue {
  /** Names of work, in order. */
  readonly queue: WorkName[];
  /** Called when work was queued. */
  wake(): void;
  /** Called when a cancel or an error has made queued work obsolete. */
  drop(event: ChartEvent): void;
}

/** The queue of each actor, set by whatever creates the actor. */
export const workQueues = new WeakMap<object, WorkQueue>();

/** Returns the machine with actions that put their work into the queue of their actor. */
export const queueWork = oncePerMachine((machine: Machine): Machine => {
  const put = (work: WorkName) => ({ self }: { self: object }) => {
    const queue = workQueues.get(self)!;
    queue.queue.push(work);
    queue.wake();
  };
  const actions = {
    ...Object.fromEntries(WORK_NAMES.map((work) => [work, put(work)])),
    drop: ({ self, event }: { self: object; event: ChartEvent }) =>
      workQueues.get(self)!.drop(event),
  };
  return machine.provide({ actions: actions as never });
});

/** Makes a variant of a machine only once: making it takes longer than a small batch. */
export function oncePerMachine(make: (machine: Machine) => Machine): (machine: Machine) => Machine {
  const made = new WeakMap<object, Machine>();
  return (machine) => {
    const { states } = machine.config as { states: object };
    if (!made.has(states)) made.set(states, make(machine));
    return made.get(states)!;
  };
}

import { assert, assertEquals } from "@std/assert";
import { createActor, createMachine } from "../../src/deps/xstate.ts";
import {
  type ChartEvent,
  type Facts,
  type LearnerMachine,
  learnerMachine,
} from "../../src/chart/chart.ts";
import { isFinally, type WorkName } from "../../src/chart/hooks.ts";
import { memoizeTransitions, queueWork, WORK_QUEUES } from "../../src/chart/pumped_machine.ts";
import { keyedRandom } from "../../src/random/random_numbers.ts";

/** An actor, and what it has queued. */
function actorOf(machine: LearnerMachine) {
  const actor = createActor(machine);
  const queue: WorkName[] = [];
  const drop = () => void queue.splice(0, Infinity, ...queue.filter(isFinally));
  WORK_QUEUES.set(actor, { queue, wake() {}, drop });
  return { actor: actor.start(), work: () => queue.splice(0) };
}

const REQUESTS = [
  ...["cancel.batch", "cancel.epoch", "cancel.train", "pause", "resume", "step", "restore"]
    .map((type) => ({ type })),
  { type: "fail", message: "broken" },
] as ChartEvent[];

Deno.test("memoizeTransitions() changes neither states, nor context, nor work, whatever happens", () => {
  // Another configuration, though the same: what the process remembers already does not count.
  const { config, implementations } = learnerMachine();
  const machine = createMachine(
    structuredClone(config) as never,
    implementations as never,
  ) as unknown as LearnerMachine;
  const asked = new Map<unknown, number>();
  const { provide, transition } = machine;
  machine.provide = function (implementations) {
    const provided = provide.call(machine, implementations);
    provided.transition = function (...step) {
      asked.set(provided, (asked.get(provided) ?? 0) + 1);
      return transition.apply(provided, step);
    };
    return provided;
  };
  const slow = queueWork(machine);
  const fast = memoizeTransitions(machine);
  for (let run = 0; run < 60; run++) {
    const random = keyedRandom(run);
    const oneIn = (chances: number) => random() * chances < 1;
    const plain = actorOf(slow);
    const quick = actorOf(fast);
    const now = () => plain.actor.getSnapshot();
    const send = (event: ChartEvent) => {
      plain.actor.send(event);
      quick.actor.send(event);
      const [expected, actual] = [now(), quick.actor.getSnapshot()];
      assertEquals(quick.work(), plain.work());
      assertEquals(JSON.stringify(actual), JSON.stringify(expected));
      assertEquals([...actual.tags], [...expected.tags]);
      assertEquals(
        REQUESTS.map((request) => actual.can(request)),
        REQUESTS.map((request) => expected.can(request)),
      );
    };
    send({ type: "train" });
    for (let epoch = 0, event = 0; event < 400 && now().status === "active"; event++) {
      const request = REQUESTS[Math.floor(random() * REQUESTS.length)];
      if (oneIn(12) && now().can(request)) send(request);
      if (now().matches({ train: "epochEnd" })) epoch++;
      const facts: Facts = {
        epoch,
        epochs: 9,
        batch: event,
        loaded: !oneIn(12),
        nextObjective: oneIn(6),
        validateBatch: run % 5 === 0 && oneIn(6),
        validate: run % 2 === 0,
        test: run % 3 === 0,
      };
      send(now().hasTag("paused") ? { type: "resume" } : { type: "next", ...facts });
    }
  }
  const [most, few] = [asked.get(slow)!, asked.get(fast)!];
  assert(few < most / 2, `${few} of ${most} steps were worked out`);
});

import { assert, assertEquals } from "@std/assert";
import { createActor } from "../src/deps/xstate.ts";
import { type ChartEvent, type Facts, learnerMachine } from "../src/chart/chart.ts";
import { WORK_NAMES, type WorkName } from "../src/chart/hooks.ts";
import { rememberSteps } from "../src/chart/remember_steps.ts";
import { keyedRandom } from "../src/data/keyed_random.ts";

/** An actor of the Learner's machine, what it queues, and how often the machine itself was asked. */
function actorOf({ remembers }: { remembers: boolean }) {
  const queue: WorkName[] = [];
  const actions = Object.fromEntries(WORK_NAMES.map((work) => [work, () => void queue.push(work)]));
  const machine = learnerMachine.provide({ actions: actions as never });
  const asked = { next: 0 };
  const { transition } = machine;
  machine.transition = function (snapshot, event, scope) {
    if (event.type === "next") asked.next++;
    return transition.call(machine, snapshot, event, scope);
  };
  if (remembers) rememberSteps(machine, () => queue);
  const actor = createActor(machine).start();
  return { actor, asked, work: () => queue.splice(0) };
}

const REQUESTS = [
  ...["cancel.batch", "cancel.epoch", "cancel.train", "pause", "resume", "step", "restore"]
    .map((type) => ({ type })),
  { type: "fail", message: "broken" },
] as ChartEvent[];

Deno.test("rememberSteps() changes neither states, nor context, nor work, whatever happens", () => {
  let steps = 0;
  let asked = 0;
  for (let run = 0; run < 60; run++) {
    const random = keyedRandom(run);
    const oneIn = (chances: number) => random() * chances < 1;
    const plain = actorOf({ remembers: false });
    const quick = actorOf({ remembers: true });
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
        loaded: !oneIn(12),
        validate: run % 2 === 0,
        test: run % 3 === 0,
      };
      send(now().hasTag("paused") ? { type: "resume" } : { type: "next", ...facts });
    }
    steps += plain.asked.next;
    asked += quick.asked.next;
  }
  assert(asked < steps / 2, `the machine itself was asked ${asked} times in ${steps} steps`);
});

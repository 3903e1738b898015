import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { StateClock } from "../../src/live/state_clock.ts";
import type { RunSnapshot } from "../../src/learner/run_interface.ts";

/** A snapshot in a state; each has a value of its own. */
const inState = (value: unknown) => ({ value: structuredClone(value) }) as RunSnapshot;

const batch = (state: string) => inState({ train: { epoch: { batch: state } } });

Deno.test("StateClock shares the time between states, and counts each with all around it", () => {
  using time = new FakeTime();
  const clock = new StateClock();
  assertEquals(clock.read(), { snapshots: [], shares: {} });
  clock.start(inState("idle"));
  time.tick(10);
  for (let index = 0; index < 3; index++) {
    clock.enter(batch("compute"));
    time.tick(20);
    clock.enter(batch("update"));
    time.tick(10);
  }
  const { snapshots, shares } = clock.read();
  assertEquals(snapshots.map(({ value }) => value), [
    "idle",
    { train: { epoch: { batch: "compute" } } },
    { train: { epoch: { batch: "update" } } },
  ]);
  assertEquals(shares, {
    "learner.idle": 0.1,
    "learner.train": 0.9,
    "learner.train.epoch": 0.9,
    "learner.train.epoch.batch": 0.9,
    "learner.train.epoch.batch.compute": 0.6,
    "learner.train.epoch.batch.update": 0.3,
  });
  time.tick(5);
  assertEquals(clock.read().shares["learner.train.epoch.batch.update"], 1, "shares begin again");
  clock.stop();
  assertEquals(clock.read(), { snapshots: [], shares: {} });
});

import { assert, assertEquals } from "@std/assert";
import { HOOK_NAMES, learnerMachine } from "../../chart.ts";
import { getAdjacencyMap, getShortestPaths } from "../deps/xstate_graph.ts";

/** Events with which every state of a short training can be reached. */
const none = { batch: 0, nextObjective: false, validateBatch: false };
const facts = {
  type: "next",
  epoch: 0,
  epochs: 1,
  validate: true,
  test: true,
  ...none,
} as const;
const events = [
  { type: "train" },
  { type: "predict" },
  { ...facts, loaded: true },
  { ...facts, loaded: false },
  { ...facts, epoch: 1, loaded: false },
  { type: "cancel.batch" },
  { type: "cancel.epoch" },
  { type: "cancel.train" },
  { type: "pause" },
  { type: "fail", message: "broken" },
] as const;

/** A state with its context but for counters, which would make the graph infinite. */
const serializeState = (snapshot: { value: unknown; context: unknown }) =>
  JSON.stringify([snapshot.value, { ...snapshot.context as object, batch: 0, epoch: 0 }]);

Deno.test("learnerMachine of chart.ts is walked by @xstate/graph to every final state", () => {
  const paths = getShortestPaths(learnerMachine, { events, serializeState });
  const reached = new Set(paths.map(({ state }) => JSON.stringify(state.value)));
  for (const end of ["completed", "cancelled", "failed"]) {
    assert(reached.has(JSON.stringify(end)), `${end} is not reached`);
  }
  assert(reached.has(JSON.stringify({ train: { epoch: "held" } })));
  const map = getAdjacencyMap(learnerMachine, { events, serializeState });
  assert(Object.keys(map).length > 30);
});

Deno.test("HOOK_NAMES of chart.ts are the names of actions of learnerMachine", () => {
  const { actions } = learnerMachine.implementations;
  const inside = ["afterPredict", "afterLoss"]; // hooks inside the task `compute`
  assertEquals(HOOK_NAMES.filter((name) => !(name in actions) && !inside.includes(name)), []);
});

/**
 * The script of a page that shows a machine in a frame. The frame posts back what it receives.
 *
 * @module
 */
import { learnerMachine } from "../../src/chart/chart.ts";
import { createActor } from "../../src/deps/xstate.ts";
import { inspector } from "../../src/inspect/inspector.ts";

const { document } = globalThis as unknown as {
  document: { querySelector(name: string): unknown; title: string };
};
const heard: { type: string; snapshot?: { value: unknown } }[] = [];
globalThis.addEventListener("message", (event) => {
  const { data } = event as MessageEvent;
  if (data.heard) heard.push(data.heard);
});

const inspect = inspector({ iframe: document.querySelector("iframe"), url: "/frame.html" });
const actor = createActor(learnerMachine(), { inspect });
actor.start();
await until(() => heard.length > 0); // the frame has loaded
actor.send({ type: "train" });
const no = { nextObjective: false, validateBatch: false, validate: false, test: false };
const facts = { type: "next", epochs: 1, batch: 1, loaded: true, ...no } as const;
for (let batch = 0; batch < 5; batch++) actor.send({ ...facts, epoch: 0 });
actor.send({ type: "cancel.train" });
for (let step = 0; step < 9; step++) actor.send({ ...facts, epoch: 1 });
await until(() => heard.at(-1)!.type === "@statelyai.disconnected");
document.title = JSON.stringify([
  heard[0].type,
  heard.filter(({ snapshot }) => snapshot).at(-1)!.snapshot!.value,
  heard.at(-1)!.type,
]);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

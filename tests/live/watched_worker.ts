/**
 * A watched run in a thread of its own, which the code that drives the browser does not slow down.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import type { CallbackLike, RunEvent } from "../../mod.ts";
import { LivePage } from "../../live.ts";
import { RUN_EVENTS } from "../../src/learner/run_interface.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { recorder } from "../fixtures/recorded_hooks.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

/** A report of the run. */
export type Report =
  | { type: "open"; url: string }
  | { type: "hook"; hook: string }
  | { type: "paused"; at: number; batches: number; accepts: RunEvent[] }
  | { type: "rate"; rate: number }
  | { type: "ended"; status: string };

/** An order to the run. */
export type Order = "close" | "open" | "rate" | "end";

/** Computing time of a batch, in ms. */
const STEP = 3;

const worker = globalThis as unknown as DedicatedWorkerGlobalScope;
const send = (report: Report) => worker.postMessage(report);

await assertNoTensorsLeft(async () => {
  await using live = new LivePage({
    title: "A test",
    stay: Infinity,
    onOpen: (url) => send({ type: "open", url }),
  });
  let batches = 0;
  const busy: CallbackLike = {
    beforeBatch: () => void batches++,
    beforeStep() {
      for (const end = performance.now() + STEP; performance.now() < end;);
    },
  };
  const reporting = recorder([], (hook) => {
    if (/Epoch|Train|Validate$|Test$/.test(hook)) send({ type: "hook", hook });
  });
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 5000, validation: 2, test: 2 },
    callbacks: [busy, reporting, live],
  });
  const run = learner.train({ epochs: 1000 });
  let paused = false;
  learner.actor!.subscribe((snapshot) => {
    if (snapshot.hasTag("paused") === paused) return;
    paused = !paused;
    const at = performance.timeOrigin + performance.now();
    const accepts = RUN_EVENTS.filter((type) => snapshot.can({ type }));
    if (paused) send({ type: "paused", at, batches, accepts });
  });
  const asked = new Promise<void>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<Order>) => {
      if (data === "close") live.close();
      else if (data === "open") live.open();
      else if (data === "rate") send({ type: "rate", rate: learner.learningRate });
      else resolve();
    };
  });
  await asked;
  learner.cancel("train");
  await run;
});
send({ type: "ended", status: "ended" });
worker.close();

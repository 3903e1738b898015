/**
 * A run that is watched, in a thread of its own: what drives the browser does not slow it down.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import type { CallbackLike, RunEvent } from "../../mod.ts";
import { LivePage } from "../../live.ts";
import { RUN_EVENTS } from "../../src/learner/run_actor.ts";
import { leftBy, recorder, tinyLearner } from "../fixtures/tiny_learner.ts";

/** What the run tells. */
export type Told =
  | { type: "open"; url: string }
  | { type: "hook"; hook: string }
  | { type: "paused"; at: number; batches: number; accepts: RunEvent[] }
  | { type: "rate"; rate: number }
  | { type: "ended"; left: number; status: string };

/** What the run is told. */
export type Order = "close" | "open" | "rate" | "end";

/** How long a batch takes, ms. It computes all the while. */
const STEP = 3;

const worker = globalThis as unknown as DedicatedWorkerGlobalScope;
const tell = (told: Told) => worker.postMessage(told);

const left = await leftBy(async () => {
  await using live = new LivePage({
    title: "A test",
    stay: Infinity,
    onOpen: (url) => tell({ type: "open", url }),
  });
  let batches = 0;
  const busy: CallbackLike = {
    beforeBatch: () => void batches++,
    beforeStep() {
      for (const end = performance.now() + STEP; performance.now() < end;);
    },
  };
  const telling = recorder([], (hook) => {
    if (/Epoch|Train|Validate$|Test$/.test(hook)) tell({ type: "hook", hook });
  });
  const learner = tinyLearner({ train: 5000, validation: 2, test: 2 }, [busy, telling, live]);
  const run = learner.train({ epochs: 1000 });
  let paused = false;
  learner.actor!.subscribe((snapshot) => {
    if (snapshot.hasTag("paused") === paused) return;
    paused = !paused;
    const at = performance.timeOrigin + performance.now();
    const accepts = RUN_EVENTS.filter((type) => snapshot.can({ type }));
    if (paused) tell({ type: "paused", at, batches, accepts });
  });
  const asked = new Promise<void>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<Order>) => {
      if (data === "close") live.close();
      else if (data === "open") live.open();
      else if (data === "rate") tell({ type: "rate", rate: learner.learningRate });
      else resolve();
    };
  });
  await asked;
  learner.cancel("train");
  await run;
});
tell({ type: "ended", left, status: "ended" });
worker.close();

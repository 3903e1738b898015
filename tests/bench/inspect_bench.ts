/**
 * The cost of showing a run in Stately's inspector: `deno task bench:inspect`.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { tf } from "../../mod.ts";
import { inspector } from "../../inspect.ts";
import { listenTo, startRelay } from "../inspect/relay_process.ts";
import { runEmpty } from "./empty_run.ts";
import { median } from "./median.ts";

declare const gc: () => void;

const BATCHES = 20_000;
const ROUNDS = 7;

await tf.setBackend("cpu");

/** CPU time of all threads of this process per batch, µs. */
async function costOfBatch(url?: string): Promise<number> {
  const before = cpuUsage();
  const inspect = url === undefined ? undefined : inspector({ url });
  await runEmpty(BATCHES, [], { inspect });
  await inspect?.stop();
  const { user, system } = cpuUsage(before);
  return (user + system) / BATCHES;
}

/** MB. */
function heap(): number {
  gc();
  return Deno.memoryUsage().heapUsed / 2 ** 20;
}

const relay = startRelay();
const client = await listenTo<{ type: string }>(relay.url);
const costs: number[][] = [[], [], []];
for (let round = -1; round < ROUNDS; round++) {
  for (const [index, url] of [undefined, relay.url, "ws://localhost:9"].entries()) {
    const cost = await costOfBatch(url);
    if (round >= 0) costs[index].push(cost);
  }
}
const [off, viewed, alone] = costs.map(median);
const before = heap();
const began = performance.now();
client.messages.length = 0;
await costOfBatch(relay.url);
const seconds = (performance.now() - began) / 1000;
const snapshots = client.messages.filter(({ type }) => type === "@xstate.snapshot").length;
console.log(`CPU per batch, not inspected: ${off.toFixed(1)} µs`);
console.log(
  `CPU per batch, inspected: ${viewed.toFixed(1)} µs (+${(viewed - off).toFixed(1)}; <= 60)`,
);
console.log(
  `CPU per batch, no relay: ${alone.toFixed(1)} µs (+${(alone - off).toFixed(1)}; <= 60)`,
);
console.log(
  `snapshots a second: ${
    (snapshots / seconds).toFixed(1)
  } (10, and those of the beginning and the end)`,
);
client.messages.length = 0;
console.log(
  `heap after ${BATCHES} more batches, over that before: ${(heap() - before).toFixed(2)} MB (<= 2)`,
);
await client.leave();
await relay.stop();

/**
 * Serves a live page of a training and visits it: a program for each runtime, which prints what it
 * sees.
 *
 * @module
 */
import { LivePage } from "../../live.ts";
import { Learner, sgd, tf } from "../../mod.ts";
import type { LiveMessage, LiveState } from "../../src/live/messages.ts";

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits until a condition holds. */
async function until(condition: () => unknown): Promise<void> {
  for (let round = 0; !condition(); round++) {
    if (round > 500) throw new Error(`Cannot continue: ${condition} does not hold`);
    await wait(10);
  }
}

/** A WebSocket to the page, from a page of some origin. */
function visit(url: string, origin: string) {
  const socket = new WebSocket(
    `${url.replace("http", "ws")}live`,
    { headers: { origin } } as never,
  );
  const types = new Set<string>();
  const visitor = { socket, types, state: undefined as LiveState | undefined };
  socket.onmessage = ({ data }) => {
    const message: LiveMessage = JSON.parse(data);
    types.add(message.type);
    if (message.type === "state") visitor.state = message;
  };
  socket.onerror = () => {};
  const closed = new Promise<number>((resolve) => socket.onclose = ({ code }) => resolve(code));
  return Object.assign(visitor, { closed });
}

await tf.setBackend("cpu");
const page = new LivePage({ onOpen: () => {} });
const [data, labels] = [tf.ones([1, 1]), tf.ones([1, 1])];
const learner = new Learner({
  model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
  optimizer: sgd(0.01),
  lossFunction: tf.losses.meanSquaredError,
  dataloaders: { train: Array(50).fill([data, labels]) },
  callbacks: [page, { afterBatch: () => wait(5) }],
});
const run = learner.train({ epochs: 1000 });
await until(() => page.url);
const url = page.url!;
let response: Response | undefined;
for (let attempt = 0; !response; attempt++) {
  // Node and Bun bind the port a little later.
  response = await fetch(url).catch((error) => attempt > 100 ? Promise.reject(error) : undefined);
  if (!response) await wait(20);
}
console.log("page", response.status, /<title>/.test(await response.text()));
const { origin } = new URL(url);
const foreign = visit(url, "https://example.org");
console.log("foreign page", (await foreign.closed) !== 1000, foreign.types.size);
const viewer = visit(url, origin);
await until(() => ["points", "work"].every((type) => viewer.types.has(type)));
console.log("heap", typeof viewer.state?.memory.heap);
console.log("viewers", page.viewers, [...viewer.types].sort().join());
const rude = visit(url, origin);
await until(() => rude.types.has("state"));
rude.socket.send("x".repeat(5000));
console.log("too big", await rude.closed);
viewer.socket.send('{"type":"cancel.train"}');
const { status, reason } = await run;
console.log(status, reason, await viewer.closed);
console.log("url", page.url);

/**
 * The cost of a live page for a step of 2 ms, without a viewer and with one: `deno task bench:live`.
 *
 * The step computes for 2 ms by the clock of its thread, so that whatever else the machine does
 * shows in all three alike; rounds are interleaved, and the median of their ratios is told.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { type CallbackLike, Learner, tf } from "../../mod.ts";
import { LivePage } from "../../live.ts";
import { median } from "./median.ts";

const [STEP, STEPS, ROUNDS] = [2, 500, 17];

await tf.setBackend("cpu");
const weight = tf.variable(tf.scalar(0.5));

/** So many turns of an empty loop take 2 ms. */
function calibrate(): number {
  const spins = 2e6;
  spin(spins);
  const times = Array.from({ length: 9 }, () => {
    const began = performance.now();
    spin(spins);
    return performance.now() - began;
  });
  return Math.round(spins * STEP / median(times));
}

let sink = 0;
function spin(turns: number): void {
  for (let turn = 0; turn < turns; turn++) sink = (sink * 1103515245 + turn) | 0;
}

const turns = calibrate();

/** Time of an epoch of such steps, by the clock (ms) and for the processor (µs). */
interface Time {
  readonly clock: number;
  readonly cpu: number;
}

async function timeOf(callbacks: CallbackLike[]): Promise<Time> {
  const learner = new Learner<tf.Tensor, tf.Tensor, tf.Tensor>({
    model: { apply: (data: tf.Tensor) => data.mul(weight), trainableVariables: [weight] },
    optimizer: tf.train.sgd(0.01),
    lossFunction: (predictions, labels) => predictions.sub(labels).mean(),
    dataloaders: {
      train: function* () {
        for (let step = 0; step < STEPS; step++) {
          yield [tf.tensor1d([1]), tf.tensor1d([2])] as const;
        }
      },
    },
    callbacks: [{ name: "Step", beforeStep: () => spin(turns) }, ...callbacks],
  });
  const [began, before] = [performance.now(), cpuUsage()];
  await learner.train();
  const { user, system } = cpuUsage(before);
  return { clock: performance.now() - began, cpu: user + system };
}

/** A viewer in a process of its own, as a browser is: what it does with messages is not counted. */
const VIEWER = `
  const { origin } = new URL(Deno.args[0]);
  const socket = new WebSocket(Deno.args[0].replace("http", "ws") + "live", { headers: { origin } });
  socket.onmessage = () => {};
  socket.onclose = () => Deno.exit();
  socket.onopen = () => console.log("open");`;

await using unwatched = new LivePage({ stay: Infinity, onOpen: () => {} });
await using watched = new LivePage({ stay: Infinity, onOpen: () => {} });
const viewer = new Deno.Command(Deno.execPath(), {
  args: ["eval", VIEWER, watched.open()],
  stdout: "piped",
}).spawn();
await viewer.stdout.getReader().read();

const pages = { unwatched, watched };
const names = ["unwatched", "watched"] as const;
const ratios = { unwatched: [] as number[], watched: [] as number[] };
const computing = { unwatched: [] as number[], watched: [] as number[] };
for (let round = -2; round < ROUNDS; round++) {
  const times: Record<string, Time> = {};
  const order = ["alone", ...names];
  // Each takes each turn: a later one finds the machine in another state.
  for (let turn = 0; turn < 3; turn++) {
    const which = order[(turn + round + 3) % 3];
    times[which] = await timeOf(which === "alone" ? [] : [pages[which as "watched"]]);
  }
  if (round < 0) continue;
  for (const which of names) {
    ratios[which].push(times[which].clock / times.alone.clock);
    computing[which].push(times[which].cpu / times.alone.cpu);
  }
}
for (const which of names) {
  const [clock, cpu] = [ratios[which], computing[which]]
    .map((values) => `${(100 * (median(values) - 1)).toFixed(2)} %`);
  console.log(`live page, ${which}: ${clock} by the clock (<= 3 %), ${cpu} computing`);
}

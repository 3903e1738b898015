/**
 * The script of a page: measures compiled steps, when the page is asked to.
 *
 * @module
 */
import { adam, crossEntropy, Learner, selectBackend, tf, withSeed } from "../../../mod.ts";
import { median } from "../median.ts";
import { models } from "../models.ts";

/** Times of a training step, in ms, and the ratio of a round: quartiles. */
export interface Ratio {
  readonly compiled: number;
  readonly eager: number;
  readonly ratio: readonly [lower: number, median: number, upper: number];
}

/** Time of a turn, in ms. */
const TURN = 250;
/** Time to warm up, in ms: engines compile what they have run for a while. */
const WARM_UP = 2000;

/** A training of a model, which returns the time of a step, in ms. */
function training(name: string, compile?: false): (steps: number) => Promise<number> {
  const { shape, classes, batch, build } = models[name];
  // Variables, which a Learner never disposes: no time goes into batches.
  const data = tf.variable(tf.randomNormal([batch, ...shape]), false);
  const labels = tf.variable(
    tf.tensor1d(Array.from({ length: batch }, (_, i) => i % classes), "int32"),
    false,
  );
  let count = 0;
  const learner = new Learner({
    model: withSeed(1, build),
    optimizer: adam(1e-3),
    lossFunction: crossEntropy,
    dataloaders: {
      *train(): Iterable<[tf.Tensor, tf.Tensor]> {
        for (let step = 0; step < count; step++) yield [data, labels];
      },
    },
    compile,
  });
  return async (steps) => {
    count = steps;
    const began = performance.now();
    await learner.train();
    return (performance.now() - began) / steps;
  };
}

async function measure(name: string, rounds: number): Promise<Ratio> {
  const both = [training(name), training(name, false)];
  const counts = [8, 8];
  for (const began = performance.now(); performance.now() - began < 2 * WARM_UP;) {
    for (const at of [0, 1]) {
      const time = await both[at](counts[at]);
      counts[at] = Math.max(8, Math.min(5000, Math.round(TURN / time)));
    }
  }
  const times: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const at of round % 2 ? [1, 0] : [0, 1]) times[at].push(await both[at](counts[at]));
  }
  const ratios = times[0].map((time, round) => time / times[1][round]).sort((a, b) => a - b);
  const quartile = (share: number) => ratios[Math.round((ratios.length - 1) * share)];
  return {
    compiled: median(times[0]),
    eager: median(times[1]),
    ratio: [quartile(0.25), median(ratios), quartile(0.75)],
  };
}

const { name, reason } = await selectBackend({ prefer: "wasm", quiet: true });
if (name !== "wasm") throw new Error(`Cannot measure: ${reason}`);
Object.assign(globalThis, { measure });

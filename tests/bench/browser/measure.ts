/**
 * The script of a page: measures compiled steps, when the page is asked to.
 *
 * @module
 */
import { selectBackend } from "../../../mod.ts";
import { median } from "../median.ts";
import { prepareTraining } from "../models.ts";

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

async function measure(name: string, rounds: number): Promise<Ratio> {
  const both = [prepareTraining(name), prepareTraining(name, false)];
  const counts = [8, 8];
  const timeOf = async (at: number) => await both[at].train(counts[at]) / counts[at];
  for (const began = performance.now(); performance.now() - began < 2 * WARM_UP;) {
    for (const at of [0, 1]) {
      counts[at] = Math.max(8, Math.min(5000, Math.round(TURN / await timeOf(at))));
    }
  }
  const times: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const at of round % 2 ? [1, 0] : [0, 1]) times[at].push(await timeOf(at));
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

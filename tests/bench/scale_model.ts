/**
 * The cost of data-parallel training on paper.
 *
 * An exchange of n bytes between p ranks takes, as a ring, 2(p-1) messages one after another of n/p
 * bytes each; as a tree that halves and doubles, the same bytes in 2 log2(p) messages. Libraries of
 * MPI take the tree for what is small and the ring for what is large: the cheaper of both is taken.
 *
 * R. Thakur, R. Rabenseifner, W. Gropp, *Optimization of Collective Communication Operations in
 * MPICH*, 2005, <https://doi.org/10.1177/1094342005051521>.
 *
 * @module
 */

/** The network. */
export interface Network {
  /** Time of the smallest message, s. */
  latency: number;
  /** Bytes in a second. */
  bandwidth: number;
}

/** The longest message that is sent at once, bytes. */
const CHUNK = 4 * 2 ** 20;

/** Time of the exchange of some bytes, s. */
export function exchangeTime(
  bytes: number,
  ranks: number,
  { latency, bandwidth }: Network,
): number {
  if (ranks === 1) return 0;
  let time = 0;
  for (let left = bytes; left > 0; left -= CHUNK) {
    const part = Math.min(left, CHUNK);
    const messages = Math.min(2 * (ranks - 1), 2 * Math.ceil(Math.log2(ranks)));
    time += messages * latency + 2 * (ranks - 1) / ranks * part / bandwidth;
  }
  return time;
}

/**
 * Latency and bandwidth out of measured exchanges, by least squares of the relative error.
 *
 * @param measured Bytes, and how long two ranks took, s.
 */
export function fitNetwork(measured: readonly [bytes: number, time: number][]): Network {
  // Of two ranks: time = 2 latency + bytes / bandwidth, for each piece.
  let [aa, ab, bb, at, bt] = [0, 0, 0, 0, 0];
  for (const [bytes, time] of measured) {
    const a = 2 * Math.ceil(bytes / CHUNK) / time;
    const b = bytes / time;
    [aa, ab, bb, at, bt] = [aa + a * a, ab + a * b, bb + b * b, at + a, bt + b];
  }
  const determinant = aa * bb - ab * ab;
  return {
    latency: (at * bb - bt * ab) / determinant,
    bandwidth: determinant / (aa * bt - ab * at),
  };
}

/** The model, and the network. */
export interface Setting {
  ranks: number;
  /** Number of elements of all gradients. */
  parameters: number;
  /** In how many messages these travel. */
  messages: number;
  /** Times of a rank for its own part of a step, s: one of them is drawn each time. */
  steps: readonly number[];
  /** Number of batches of a step. Default: 1. */
  accumulate?: number;
  network: Network;
}

/** Number of meetings of all ranks in a batch, beside the exchange. */
const MEETINGS = 3;

/**
 * Simulates steps: each rank takes as long as one of the measured steps, drawn at random; all wait
 * for the slowest, and exchange.
 *
 * @returns The mean time of a batch, s.
 */
export function simulate(setting: Setting, random: () => number = Math.random): number {
  const { ranks, parameters, messages, steps, accumulate = 1, network } = setting;
  const count = 2000;
  const exchange = messages * exchangeTime(4 * parameters / messages, ranks, network);
  const meeting = MEETINGS * exchangeTime(1, ranks, network);
  let time = 0;
  for (let step = 0; step < count; step++) {
    let slowest = 0;
    for (let rank = 0; rank < ranks; rank++) {
      slowest = Math.max(slowest, steps[Math.floor(random() * steps.length)]);
    }
    time += slowest + meeting;
  }
  return time / count + exchange / accumulate;
}

/**
 * Runs a synchronous function with another generator in the place of `Math.random`.
 *
 * TensorFlow.js seeds its random operations from `Math.random` unless they are given a seed, so this
 * controls dropout, noise and initializers, also in its own layers.
 *
 * @param random Draws uniformly from [0, 1).
 * @param work The function.
 * @returns The result of the function.
 */
export function withRandom<T>(random: () => number, work: () => T): T {
  const { random: original } = Math;
  Math.random = random;
  try {
    return work();
  } finally {
    Math.random = original;
  }
}

/**
 * Runs a synchronous function in a world where `Math.random` draws from a generator of ours.
 *
 * TensorFlow.js seeds each of its random operations from `Math.random` unless told otherwise: this
 * is what keys dropout, noise and initializers, in stock layers too.
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

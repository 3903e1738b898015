/**
 * Promises, and turns of the event loop.
 *
 * @module
 */

/**
 * Whether a value is a promise, or anything else that can be awaited.
 *
 * @param value Any value.
 * @returns Whether the value has a method `then`.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === "function";
}

/** Idle time after which the work continues, in ms. */
const QUIET = 0.15;

/** A turn of the event loop that takes longer, in ms, has done something; an idle turn takes 0.002. */
const BUSY = 0.02;

/** Longest time for which sockets are served, in ms. */
const LONGEST = 5;

/** The real clock, also while a test fakes the time. */
const now = performance.now.bind(performance);

// deno-lint-ignore no-node-globals -- absent in browsers, and asked for
const { setImmediate } = globalThis as { setImmediate?: (then: () => void) => void };

/**
 * Gives timers and sockets their turn.
 *
 * A `setTimeout` of 0 is right everywhere, but a timer takes a millisecond or two. Where there is a
 * `setImmediate`, one turn of the event loop takes microseconds. An exchange over HTTP needs several
 * turns, so they follow one another until nothing has happened for a moment: an exchange is served to
 * its end, and without one hardly any time is lost. Microtasks and message channels serve neither
 * timers nor sockets.
 */
export async function yieldToEventLoop(): Promise<void> {
  if (!setImmediate) return await new Promise((resolve) => setTimeout(resolve, 0));
  const began = now();
  let served = began;
  for (let turned = began, ended = began; ended - served < QUIET; turned = ended) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    ended = now();
    if (ended - turned > BUSY) served = ended;
    if (ended - began > LONGEST) return;
  }
}

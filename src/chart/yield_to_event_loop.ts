/** For how long nothing must have happened before the work goes on, ms. */
const QUIET = 0.15;

/** A turn of the event loop that takes longer has done something, ms; an idle one takes 0.002. */
const BUSY = 0.02;

/** How long sockets are served at most, ms. */
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
 * turns, so they follow one another until nothing has happened for a moment: whoever is served is
 * served to the end, and where nobody is, hardly any time is lost. Microtasks and message channels
 * serve neither timers nor sockets.
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

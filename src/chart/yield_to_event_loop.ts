/** How long sockets are served, ms: an exchange over HTTP needs several turns of the event loop. */
const BURST = 0.4;

/** The real clock, also while a test fakes the time. */
const now = performance.now.bind(performance);

// deno-lint-ignore no-node-globals -- absent in browsers, and asked for
const { setImmediate } = globalThis as { setImmediate?: (then: () => void) => void };

/**
 * Gives timers and sockets their turn.
 *
 * A `setTimeout` of 0 is right everywhere, but a timer takes a millisecond or two. Where there is a
 * `setImmediate`, one turn of the event loop takes microseconds, so that a few of them, one after
 * another, cost less and serve as much. Microtasks and message channels serve neither.
 */
export async function yieldToEventLoop(): Promise<void> {
  if (!setImmediate) return await new Promise((resolve) => setTimeout(resolve, 0));
  const began = now();
  do await new Promise<void>((resolve) => setImmediate(resolve)); while (
    now() - began < BURST
  );
}

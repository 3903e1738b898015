/** The result of `setTimeout()`: an object in Deno, a number in a browser. */
export type Timer = ReturnType<typeof setTimeout>;

/** Lets the process end while the timer is pending; a browser has no process to end. */
export function unref(timer: Timer): Timer {
  (timer as { unref?(): void }).unref?.();
  return timer;
}

/** What `setTimeout()` returns: an object in Deno, a number in a browser. */
export type Timer = ReturnType<typeof setTimeout>;

/** Lets the process end although a timer is set; in a browser there is no process to end. */
export function unref(timer: Timer): Timer {
  (timer as { unref?(): void }).unref?.();
  return timer;
}

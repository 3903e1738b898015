import { createBrowserInspector } from "../deps/stately_inspect.ts";
import type { ChannelEvents, EventChannel } from "./event_channel.ts";

/**
 * Sends events to the inspector in a window of its own, or in a frame.
 *
 * @param target Address of the inspector, and the frame that shows it.
 * @param events Callbacks of the channel.
 */
export function openWindow(
  { url, iframe = null }: { url?: string; iframe?: unknown },
  { opened }: ChannelEvents,
): EventChannel {
  const inspector = createBrowserInspector({ iframe, ...url ? { url } : {} });
  opened(inspector.inspect);
  return {
    // The package converts events when the page is idle: those that wait are sent first.
    close: () => new Promise((resolve) => whenIdle(() => resolve(inspector.stop()))),
  };
}

/** Calls a function when the page is idle; calls keep their order. */
function whenIdle(work: () => void): void {
  const { requestIdleCallback, requestAnimationFrame } = globalThis as unknown as Record<
    string,
    ((work: () => void) => void) | undefined
  >;
  (requestIdleCallback ?? requestAnimationFrame)!(work);
}

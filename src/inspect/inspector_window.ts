import { createBrowserInspector } from "../deps/stately_inspect.ts";
import type { Channel, Ends, InspectorOptions } from "./inspector.ts";

/** Does something when a page has time, in the order of the calls. */
const whenIdle = (work: () => void): void => {
  const { requestIdleCallback, requestAnimationFrame } = globalThis as unknown as Record<
    string,
    ((work: () => void) => void) | undefined
  >;
  (requestIdleCallback ?? requestAnimationFrame)!(work);
};

/** Sends to the inspector in a window of its own, or in a frame. */
export function openWindow({ url, iframe = null }: InspectorOptions, { opened }: Ends): Channel {
  const inspector = createBrowserInspector({ iframe, ...url ? { url } : {} });
  opened(inspector.inspect);
  return {
    // The package converts when the page has time: what it has still to send goes first.
    close: () => new Promise((resolve) => whenIdle(() => resolve(inspector.stop()))),
  };
}

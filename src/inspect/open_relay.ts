import { createWebSocketInspector } from "../deps/stately_inspect.ts";
import type { Socket } from "../deps/stately_inspect.d.ts";
import type { ChannelEvents, EventChannel } from "./event_channel.ts";
import { type Timer, unref } from "./unref.ts";

/** Delay before another attempt to connect, in ms. */
const RETRY_DELAY = 1000;

/** Maximum size of unsent data, in bytes: events for a relay that does not read are dropped. */
const MAX_BUFFERED = 2 ** 20;

/** Time that a slow relay has to take the last events after the run, in ms. */
const CLOSE_TIMEOUT = 1000;

/**
 * Sends events to a relay by the package's WebSocket inspector. Its socket is managed here: the
 * package would retry for ever where no relay listens, and keep the process alive.
 *
 * @param url Address of the relay.
 * @param events Callbacks of the channel.
 */
export function openRelay(url: string, { opened, lost }: ChannelEvents): EventChannel {
  const inspector = createWebSocketInspector({ url, autoStart: false, maxDeferredEvents: 0 });
  const { adapter } = inspector;
  let retry: Timer | undefined;
  let closing = false;
  let ended = Promise.withResolvers<void>();

  connect();
  return { close };

  function connect(): void {
    retry = undefined;
    ended = Promise.withResolvers();
    inspector.start();
    const socket = adapter.ws;
    socket.onopen = () => {
      adapter.status = "open";
      opened({
        next: (event) =>
          void (socket.bufferedAmount < MAX_BUFFERED && inspector.inspect.next(event)),
      });
      if (closing) hangUp(socket);
    };
    socket.onerror = socket.onclose = () => {
      // One failure calls both; an error event without a handler would be thrown.
      socket.onopen = socket.onerror = socket.onclose = () => {};
      adapter.status = "closed";
      lost();
      ended.resolve();
      if (!closing) retry = unref(setTimeout(connect, RETRY_DELAY));
    };
  }

  async function close(): Promise<void> {
    closing = true;
    if (retry !== undefined) return clearTimeout(retry);
    if (adapter.status === "open") hangUp(adapter.ws);
    const late = unref(setTimeout(() => adapter.ws.terminate?.(), CLOSE_TIMEOUT));
    await ended.promise;
    clearTimeout(late);
  }
}

/** Closes a socket once the package has converted its last events, which it does by 0 ms timers. */
function hangUp(socket: Socket): void {
  setTimeout(() => socket.close(), 0);
}

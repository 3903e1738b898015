import { createWebSocketInspector } from "../deps/stately_inspect.ts";
import type { Socket } from "../deps/stately_inspect.d.ts";
import type { Channel, Ends } from "./inspector.ts";
import { type Timer, unref } from "./unref.ts";

/** After how long another attempt is made to connect, ms. */
const RETRY = 1000;

/** How much may wait in the socket of a relay that does not read, bytes; what comes then is dropped. */
const BUFFERED = 2 ** 20;

/** How long a slow relay is waited for when the run has ended, ms. */
const GRACE = 1000;

/**
 * Sends to a relay by the package's WebSocket inspector, whose socket is looked after here: left to
 * itself it tries for ever where nobody listens, and keeps the process alive for that.
 *
 * @param url Of the relay.
 * @param ends What to tell of the connection.
 */
export function openRelay(url: string, { opened, lost }: Ends): Channel {
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
        next: (event) => void (socket.bufferedAmount < BUFFERED && inspector.inspect.next(event)),
      });
      if (closing) hangUp(socket);
    };
    socket.onerror = socket.onclose = () => {
      // Both are told of one failure, and an error that nobody hears of would be thrown.
      socket.onopen = socket.onerror = socket.onclose = () => {};
      adapter.status = "closed";
      lost();
      ended.resolve();
      if (!closing) retry = unref(setTimeout(connect, RETRY));
    };
  }

  async function close(): Promise<void> {
    closing = true;
    if (retry !== undefined) return clearTimeout(retry);
    if (adapter.status === "open") hangUp(adapter.ws);
    const late = unref(setTimeout(() => adapter.ws.terminate?.(), GRACE));
    await ended.promise;
    clearTimeout(late);
  }
}

/** Closes a socket after what the package has still to convert, which it does by timers of 0 ms. */
function hangUp(socket: Socket): void {
  setTimeout(() => socket.close(), 0);
}

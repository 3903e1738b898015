/** Receives every event of an actor system. */
export interface Observer {
  next(event: unknown): void;
}

/** Converts the events that it receives, and sends them. */
export interface Inspector<Adapter> {
  readonly inspect: Observer;
  readonly adapter: Adapter;
  start(): void;
  stop(): void;
}

/** Sends to a relay. Its `start()` makes a new socket, whose handlers retry for ever. */
export interface WebSocketAdapter {
  readonly ws: Socket;
  status: "open" | "closed";
}

/** A socket of the package `ws`, or of a browser, which does not terminate. */
export interface Socket {
  onopen: () => void;
  onclose: () => void;
  onerror: () => void;
  /** Number of bytes that are not yet sent. */
  readonly bufferedAmount: number;
  close(): void;
  terminate?(): void;
}

/** Sends to a relay. */
export function createWebSocketInspector(options: {
  url: string;
  autoStart: boolean;
  maxDeferredEvents: number;
}): Inspector<WebSocketAdapter>;

/** Sends to a window that it opens, or to a frame. */
export function createBrowserInspector(options: {
  url?: string;
  iframe?: unknown;
}): Inspector<unknown>;

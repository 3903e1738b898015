import type { WebSocketConnection } from "../deps/ws.ts";
import type { LiveSeat } from "./live_feed.ts";
import type { LiveViewer } from "./live_seats.ts";

/** A viewer with more unsent bytes than this is sent nothing new. */
const MAX_BUFFERED = 2 ** 20;
/** Rate of commands that a viewer may send: more than fingers can type. */
const COMMANDS = { burst: 30, perSecond: 10 };
/** Number of pings in a row that a viewer may leave unanswered. */
const MAX_MISSED = 3;

/** Codes with which a WebSocket is closed (RFC 6455). */
const ENDED = 1000;
const REFUSED = 1008;

/** A viewer at the other end of a WebSocket. */
export class ViewerSocket {
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocketConnection;
  #missed = 0;

  /** @param join Adds a viewer to the feed. */
  constructor(socket: WebSocketConnection, join: (viewer: LiveViewer) => LiveSeat) {
    this.#socket = socket;
    const seat = join({
      send(message) {
        if (socket.readyState === socket.OPEN) socket.send(message);
      },
      get busy() {
        return socket.bufferedAmount > MAX_BUFFERED;
      },
    });
    const bucket = new TokenBucket(COMMANDS);
    const execute = (data: { toString(): string }, binary: boolean) => {
      try {
        if (!bucket.take()) throw new TypeError("Too many commands");
        seat.ask(binary ? undefined : data.toString());
      } catch (error) {
        socket.off("message", execute);
        socket.close(REFUSED, (error as Error).message.slice(0, 100));
      }
    };
    socket.on("message", execute);
    socket.on("pong", () => this.#missed = 0);
    socket.on("error", () => {}); // a close follows
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        seat.leave();
        resolve();
      })
    );
  }

  /** Asks whether the viewer is still there; one that has not answered for long is disconnected. */
  ping(): void {
    if (this.#missed++ >= MAX_MISSED) this.#socket.terminate();
    else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  /** Says that the run has ended, and disconnects. */
  close(): void {
    this.#socket.close(ENDED, "The run has ended");
  }
}

/** Limits a rate: a burst is allowed, then so many a second. */
class TokenBucket {
  #left: number;
  #at = performance.now();
  readonly #burst: number;
  readonly #perSecond: number;

  /** Starts full: with a whole burst. */
  constructor({ burst, perSecond }: { burst: number; perSecond: number }) {
    this.#left = this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Takes one token. Returns whether there was one. */
  take(): boolean {
    const now = performance.now();
    const earned = (now - this.#at) * this.#perSecond / 1000;
    this.#at = now;
    this.#left = Math.min(this.#burst, this.#left + earned);
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

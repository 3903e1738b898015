import type { Duplex } from "../deps/node_http.ts";

/** Maximum number of connections without a finished request. */
const MAX_IDLE = 16;
/** Number of sweeps that a connection survives. */
const MAX_SWEEPS = 2;

/**
 * Connections that are not viewers: each has a request to send and an answer to receive. They are
 * bounded in number, where a new one replaces the oldest, and in time.
 */
export class IdleConnections {
  /** Number of sweeps that each connection has seen, the oldest connection first. */
  readonly #sweeps = new Map<Duplex, number>();

  /** Adds a connection. */
  add(socket: Duplex): void {
    this.#sweeps.set(socket, 0);
    socket.once("close", () => this.#sweeps.delete(socket));
    if (this.#sweeps.size > MAX_IDLE) this.#close(this.#sweeps.keys().next().value!);
  }

  /** Removes a connection that has become a viewer. */
  remove(socket: Duplex): void {
    this.#sweeps.delete(socket);
  }

  /**
   * Closes connections that were idle for too long. Sweeps are counted, not time: after a long step
   * of the training, a request may wait in its socket although it came early.
   */
  sweep(): void {
    for (const [socket, sweeps] of this.#sweeps) {
      if (sweeps >= MAX_SWEEPS) this.#close(socket);
      else this.#sweeps.set(socket, sweeps + 1);
    }
  }

  /** Closes all connections. */
  closeAll(): void {
    for (const socket of this.#sweeps.keys()) this.#close(socket);
  }

  #close(socket: Duplex): void {
    this.#sweeps.delete(socket);
    socket.destroy();
  }
}

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** One end of a WebSocket. */
export interface WebSocketConnection {
  /** Whether the connection is open: it is then {@linkcode WebSocketConnection.OPEN}. */
  readonly readyState: number;
  readonly OPEN: number;
  /** Size of the data that is not yet sent, in bytes. */
  readonly bufferedAmount: number;
  send(text: string): void;
  ping(): void;
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Closes the connection at once. */
  terminate(): void;
  on(event: "message", listener: (data: { toString(): string }, binary: boolean) => void): this;
  on(event: "pong" | "close" | "error", listener: () => void): this;
  off(event: "message", listener: (data: { toString(): string }, binary: boolean) => void): this;
}

/** Turns connections of an HTTP server into WebSockets. */
export class WebSocketServer {
  constructor(options: {
    noServer: true;
    clientTracking: false;
    /** Maximum size of a message, in bytes: checked before the message is read. */
    maxPayload: number;
    /** Maximum number of fragments of a message. */
    maxFragments: number;
    /** Time in which the other end must answer a closing handshake, in ms. */
    closeTimeout: number;
  });
  /** Answers the handshake; `connected` is called if the connection is still there. */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    connected: (socket: WebSocketConnection) => void,
  ): void;
}

import type { Duplex, IncomingMessage, Server, ServerResponse } from "../deps/node_http.ts";
import type { WebSocketServer } from "../deps/ws.ts";
import { IdleConnections } from "./idle_connections.ts";
import type { LiveSeat } from "./live_feed.ts";
import type { LiveViewer } from "./live_seats.ts";
import { listen } from "./listen.ts";
import type { Listener } from "./listen_in_deno.ts";
import { requestGuard, type RequestRefusal } from "./request_guard.ts";
import { ViewerSocket } from "./viewer_socket.ts";

/** Maximum number of viewers. */
const VIEWERS = 16;
/** Time between two pings of viewers and searches for idle connections, in ms. */
const HEARTBEAT = 5000;
/** Time in which a viewer must answer the close of its connection, in ms. */
const CLOSE_TIMEOUT = 500;
/** Limits of the messages of a viewer: longer ones close its connection before they are read. */
const MESSAGES = { maxPayload: 1024, maxFragments: 16 };
/** Maximum size of the head of a request, in bytes. */
const MAX_HEAD = 16_384;

/** The page runs its own script only, and may not be put into a frame. */
const HEADERS = {
  "cache-control": "no-store",
  "connection": "close",
  "content-type": "text/html; charset=utf-8",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Options of {@linkcode LiveServer}. */
export interface LiveServerOptions {
  readonly hostname: string;
  readonly port: number;
  /** The token that a request must carry; `undefined`: none. */
  readonly token: string | undefined;
  /** Adds a viewer to the feed. */
  readonly join: (viewer: LiveViewer) => LiveSeat;
  /** Called if the server cannot work. */
  readonly onError: (error: unknown) => void;
}

/**
 * Serves the page and its viewers, to clients that may do anything: it bounds connections, messages
 * and time, and no client can make it throw.
 */
export class LiveServer {
  readonly #options: LiveServerOptions;
  readonly #listener: Listener;
  readonly #idle = new IdleConnections();
  readonly #viewers = new Set<ViewerSocket>();
  readonly #started: Promise<void>;
  #http: Server | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the port.
   *
   * @throws {Error} If the port is taken or the permission is missing, on Deno.
   */
  constructor(options: LiveServerOptions) {
    this.#options = options;
    this.#listener = listen(options.hostname, options.port);
    this.#started = this.#start().catch(options.onError);
  }

  /** The port at which the server listens. */
  get port(): number {
    return this.#listener.port;
  }

  /** Says goodbye to all viewers, and closes all connections. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #start(): Promise<void> {
    const [{ createServer }, { WebSocketServer }] = await Promise.all([
      import("../deps/node_http.ts"),
      import("../deps/ws.ts"),
    ]);
    if (this.#closing) return;
    const sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      closeTimeout: CLOSE_TIMEOUT,
      ...MESSAGES,
    });
    const http = createServer({ maxHeaderSize: MAX_HEAD });
    http.on("connection", (socket) => {
      socket.on("error", () => {}); // a close follows
      this.#idle.add(socket);
    });
    http.on("clientError", (_, socket) => socket.destroy());
    http.on("error", this.#options.onError);
    http.on("request", (request, response) => {
      response.on("error", () => {}); // a close follows
      this.#answer(request, response).catch(() => response.destroy());
    });
    http.on("upgrade", (request, socket, head) => this.#upgrade(sockets, request, socket, head));
    this.#http = http;
    this.#listener.serve(http);
    this.#heartbeat = setInterval(() => {
      this.#idle.sweep();
      for (const viewer of this.#viewers) viewer.ping();
    }, HEARTBEAT);
  }

  async #close(): Promise<void> {
    await this.#started;
    this.#listener.close();
    clearInterval(this.#heartbeat);
    for (const viewer of this.#viewers) viewer.close();
    await Promise.all([...this.#viewers].map(({ closed }) => closed));
    this.#idle.closeAll();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#refusalOf(request) ?? refusePage(pathOf(request));
    if (refusal) {
      response.writeHead(refusal.status, { connection: "close" }).end(refusal.reason);
    } else {
      const { html, policy } = await import("./page/page.generated.ts");
      response.writeHead(200, { ...HEADERS, "content-security-policy": policy }).end(html);
    }
  }

  #upgrade(
    sockets: WebSocketServer,
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
  ): void {
    try {
      const refusal = this.#refusalOf(request) ?? this.#refuseViewer(pathOf(request));
      if (refusal) return refuse(socket, refusal);
      sockets.handleUpgrade(request, socket, head, (connection) => {
        this.#idle.remove(socket);
        const viewer = new ViewerSocket(connection, this.#options.join);
        this.#viewers.add(viewer);
        viewer.closed.then(() => this.#viewers.delete(viewer));
      });
    } catch {
      socket.destroy();
    }
  }

  #refusalOf(request: IncomingMessage): RequestRefusal | undefined {
    const { hostname, token } = this.#options;
    return requestGuard(request, { hostname, port: this.port, token });
  }

  #refuseViewer(path: string): RequestRefusal | undefined {
    if (path !== "/live") return { status: 404, reason: "Not found" };
    if (this.#closing) return { status: 503, reason: "The page closes" };
    if (this.#viewers.size >= VIEWERS) return { status: 503, reason: "Too many viewers" };
  }
}

/** Path of a request whose address the guard has checked. */
function pathOf({ url }: IncomingMessage): string {
  return new URL(url!, "http://localhost").pathname;
}

function refusePage(path: string): RequestRefusal | undefined {
  if (path === "/live") return { status: 426, reason: "This address is a WebSocket" };
  if (path !== "/") return { status: 404, reason: "Not found" };
}

/** Refuses to change the protocol. */
function refuse(socket: Duplex, { status, reason }: RequestRefusal): void {
  const lines = [
    `HTTP/1.1 ${status} Refused`,
    "connection: close",
    "content-type: text/plain",
    `content-length: ${reason.length}`,
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${reason}`);
}

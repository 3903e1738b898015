import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { isLoopback } from "./is_loopback.ts";
import { LiveFeed, type LiveFeedOptions, type LiveSeat } from "./live_feed.ts";
import { requestGuard } from "./request_guard.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Maximum number of viewers. */
const VIEWERS = 16;
/** A viewer with more unsent bytes than this is sent nothing new. */
const MAX_BUFFERED = 2 ** 20;
/** Rate of commands that a viewer may send: more than fingers can type. */
const COMMANDS = { burst: 30, perSecond: 10 };
/** Time in which a viewer must answer the close of its connection, in ms. */
const CLOSE_TIMEOUT = 500;

/** Codes with which a WebSocket is closed (RFC 6455). */
const ENDED = 1000;
const REFUSED = 1008;

/** The page runs its own script only, and may not be put into a frame. */
const HEADERS = {
  "cache-control": "no-store",
  "content-type": "text/html; charset=utf-8",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

const KNOWN = {
  title: true,
  samples: true,
  port: true,
  hostname: true,
  stay: true,
  onOpen: true,
};

/**
 * Options of {@linkcode LivePage}.
 *
 * @category Live page
 */
export interface LivePageOptions extends LiveFeedOptions {
  /** The port, an integer in [0, 65535]; 0: any free port. Default: 0. */
  port?: number;
  /**
   * The address to listen at. On any address but loopback, the page's URL contains an unguessable
   * token. Default: `"127.0.0.1"`.
   */
  hostname?: string;
  /** Time for which the page stays open after a run, in s; `Infinity`: until `close()`. Default: 0. */
  stay?: number;
  /** Called with the page's URL when it opens. Default: writes the URL to the console. */
  onOpen?: (url: string) => void;
}

/**
 * Serves a page that shows and steers a run: the chart with the active states lit, curves, speed,
 * memory, log and time per callback; pause, step, cancel and the learning rate.
 *
 * The page opens when a run begins and closes when it ends, unless `stay` says otherwise. It needs
 * no internet. Requests of foreign pages are refused.
 *
 * @example
 * ```ts
 * import { LivePage } from "@trainchart/trainchart/live";
 * import { assert } from "@std/assert";
 *
 * await using page = new LivePage({ onOpen: () => {} });
 * assert(page.open().startsWith("http://127.0.0.1:"));
 * // await new Learner({ callbacks: [page], … }).train()
 * ```
 *
 * @category Live page
 */
export class LivePage extends LiveFeed {
  /** Only the main rank serves a page. */
  override readonly mainRankOnly: boolean = true;
  readonly #hostname: string;
  readonly #stay: number;
  readonly #onOpen: (url: string) => void;
  readonly #sockets = new Set<WebSocket>();
  /** First the requested port, then the assigned one, so that an open page can reconnect. */
  #port: number;
  #token: string | undefined;
  #server: { http: Deno.HttpServer; abort: AbortController; url: string } | undefined;
  #staying: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> = Promise.resolve();

  /**
   * Checks the options, and opens nothing yet.
   *
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `port`, `stay` or `samples` is out of range.
   */
  constructor(options: LivePageOptions = {}) {
    const action = "serve a page";
    checkOptions<LivePageOptions>(action, options, KNOWN);
    const { port = 0, hostname = "127.0.0.1", stay = 0, onOpen, ...feed } = options;
    super(feed);
    this.#port = checkNumber(action, "port", port, { integer: true, min: 0, max: 65535 });
    this.#hostname = hostname;
    this.#stay = checkNumber(action, "stay", stay, { min: 0, infinite: true, unit: "s" });
    this.#onOpen = onOpen ?? ((url) => console.log(`live page: ${url}`));
    if (!isLoopback(hostname)) {
      this.#token = crypto.getRandomValues(new Uint8Array(16)).toHex();
    }
  }

  /** URL of the page, while it is open. */
  get url(): string | undefined {
    return this.#server?.url;
  }

  /**
   * Opens the page before a run begins.
   *
   * @returns The URL of the page.
   * @throws {Deno.errors.AddrInUse} If the port is taken.
   */
  open(): string {
    clearTimeout(this.#staying);
    if (this.#server) return this.#server.url;
    const abort = new AbortController();
    const hostname = this.#hostname;
    const http = Deno.serve(
      { hostname, port: this.#port, signal: abort.signal, onListen: () => {} },
      (request) => this.#serve(request),
    );
    const { port } = http.addr as Deno.NetAddr;
    this.#port = port;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const url = `http://${host}:${port}/${this.#token ? `?token=${this.#token}` : ""}`;
    this.#server = { http, abort, url };
    this.#onOpen(url);
    return url;
  }

  /** Closes the page; every viewer keeps the last picture. */
  close(): Promise<void> {
    clearTimeout(this.#staying);
    const server = this.#server;
    this.#server = undefined;
    if (server) this.#closing = this.#shut(server);
    return this.#closing;
  }

  /** Closes the page. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens the page, once the page of the previous run has left the port. */
  protected override async began(): Promise<void> {
    await this.#closing;
    this.open();
  }

  /** Closes the page, now or later. */
  protected override ended(): void {
    if (this.#stay === 0) this.close();
    else if (this.#stay < Infinity) {
      this.#staying = setTimeout(() => this.close(), 1000 * this.#stay);
    }
  }

  async #shut({ http, abort }: { http: Deno.HttpServer; abort: AbortController }): Promise<void> {
    const goodbyes = [...this.#sockets].map((socket) =>
      new Promise((resolve) => {
        socket.addEventListener("close", resolve);
        socket.close(ENDED, "The run has ended");
      })
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise((resolve) => timer = setTimeout(resolve, CLOSE_TIMEOUT));
    await Promise.race([Promise.all(goodbyes), timeout]);
    clearTimeout(timer);
    abort.abort();
    await http.finished;
  }

  async #serve(request: Request): Promise<Response> {
    const refusal = requestGuard(request, {
      hostname: this.#hostname,
      port: this.#port,
      token: this.#token,
    });
    if (refusal) return new Response(refusal.reason, { status: refusal.status });
    switch (new URL(request.url).pathname) {
      case "/": {
        const { html, policy } = await import("./page/page.generated.ts");
        return new Response(html, { headers: { ...HEADERS, "content-security-policy": policy } });
      }
      case "/live":
        return this.#connect(request);
      default:
        return new Response("Not found", { status: 404 });
    }
  }

  #connect(request: Request): Response {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return new Response("This address is a WebSocket", { status: 426 });
    }
    if (this.#sockets.size >= VIEWERS) {
      return new Response("Too many viewers", { status: 503 });
    }
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 30 });
    const bucket = new TokenBucket(COMMANDS);
    let seat: LiveSeat | undefined;
    this.#sockets.add(socket);
    socket.onopen = () => {
      seat = this.join({
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(message);
        },
        get busy() {
          return socket.bufferedAmount > MAX_BUFFERED;
        },
      });
    };
    socket.onmessage = ({ data }) => {
      try {
        if (!bucket.take()) throw new TypeError("Too many commands");
        seat?.ask(data);
      } catch (error) {
        socket.onmessage = null;
        socket.close(REFUSED, (error as Error).message.slice(0, 100));
      }
    };
    socket.onerror = () => {};
    socket.onclose = () => {
      this.#sockets.delete(socket);
      seat?.leave();
    };
    return response;
  }
}

import { TokenBucket } from "./token_bucket.ts";
import { LiveFeed, type LiveFeedOptions, type LiveSeat } from "./live_feed.ts";
import { isLoopback, type LiveGuard, refusalOf } from "./request_guard.ts";

/** At most how many look at once. */
const VIEWERS = 16;
/** How much may wait to be sent to a viewer before it is told nothing new, bytes. */
const WAITING = 2 ** 20;
/** What a viewer may ask for: more than fingers do. */
const COMMANDS = { burst: 30, perSecond: 10 };
/** How long a viewer has to say goodbye, ms. */
const PATIENCE = 500;

/** Codes with which a WebSocket is closed (RFC 6455). */
const ENDED = 1000;
const REFUSED = 1008;

/** The page runs its own script, and nothing else; nobody may put it in a frame. */
const HEADERS = {
  "cache-control": "no-store",
  "content-type": "text/html; charset=utf-8",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Options of {@linkcode LivePage}. */
export interface LivePageOptions extends LiveFeedOptions {
  /** The port, an integer in [0, 65535]. Default: 0, one that is free. */
  port?: number;
  /**
   * The address to listen at. At any that is not a loopback address, the page's own address has a
   * token, which who does not know it cannot guess. Default: `"127.0.0.1"`.
   */
  hostname?: string;
  /** How long the page stays after a run, s, >= 0; `Infinity`: until `close()`. Default: 0. */
  stay?: number;
  /** Hears of the page's address. Default: writes it to the console. */
  onOpen?: (url: string) => void;
}

/**
 * Serves a page on which a run is seen and steered: the chart with the active states lit, curves,
 * speed, memory, log and time per callback; pause, step, cancel and the learning rate.
 *
 * The page opens when a run begins and goes when it ends, unless it is told to stay. It needs no
 * internet. Requests of foreign pages are refused.
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
 */
export class LivePage extends LiveFeed {
  /** Of several processes, one is enough. */
  readonly mainRankOnly: boolean = true;
  readonly #hostname: string;
  readonly #stay: number;
  readonly #onOpen: (url: string) => void;
  readonly #sockets = new Set<WebSocket>();
  /** The one that was asked for, then the one that was given: a page that is open finds it again. */
  #port: number;
  #token: string | undefined;
  #server: { http: Deno.HttpServer; abort: AbortController; url: string } | undefined;
  #staying: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> = Promise.resolve();

  /**
   * Checks the options, and opens nothing yet.
   *
   * @throws {RangeError} If the port is none, or `stay` or `samples` is out of range.
   */
  constructor(options: LivePageOptions = {}) {
    super(options);
    const { port = 0, hostname = "127.0.0.1", stay = 0 } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new RangeError(
        `Cannot serve a page as port must be an integer in [0, 65535]: current value is ${port}`,
      );
    }
    if (!(stay >= 0)) {
      throw new RangeError(`Cannot serve a page as stay must be >= 0: current value is ${stay}`);
    }
    this.#port = port;
    this.#hostname = hostname;
    this.#stay = stay;
    this.#onOpen = options.onOpen ?? ((url) => console.log(`live page: ${url}`));
    if (!isLoopback(hostname)) {
      this.#token = crypto.getRandomValues(new Uint8Array(16)).toHex();
    }
  }

  /** Where the page is, while it is open. */
  get url(): string | undefined {
    return this.#server?.url;
  }

  /**
   * Opens the page now and not only when a run begins.
   *
   * @returns Its address.
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

  /** Closes the page; every viewer keeps what it saw last. */
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

  /** Opens the page, as soon as that of the run before has gone from the same port. */
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
    let impatient: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => impatient = setTimeout(resolve, PATIENCE));
    await Promise.race([Promise.all(goodbyes), patience]);
    clearTimeout(impatient);
    abort.abort();
    await http.finished;
  }

  async #serve(request: Request): Promise<Response> {
    const guard: LiveGuard = { hostname: this.#hostname, port: this.#port, token: this.#token };
    const refusal = refusalOf(request, guard);
    if (refusal) return new Response(refusal.reason, { status: refusal.status });
    switch (new URL(request.url).pathname) {
      case "/": {
        const { html, policy } = await import("./page/page.generated.ts");
        return new Response(html, { headers: { ...HEADERS, "content-security-policy": policy } });
      }
      case "/live":
        return this.#connect(request);
      default:
        return new Response("There is nothing here", { status: 404 });
    }
  }

  #connect(request: Request): Response {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return new Response("This is a WebSocket", { status: 426 });
    }
    if (this.#sockets.size >= VIEWERS) {
      return new Response("Too many are looking", { status: 503 });
    }
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 30 });
    const allowance = new TokenBucket(COMMANDS);
    let seat: LiveSeat | undefined;
    this.#sockets.add(socket);
    socket.onopen = () => {
      seat = this.join({
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(message);
        },
        get busy() {
          return socket.bufferedAmount > WAITING;
        },
      });
    };
    socket.onmessage = ({ data }) => {
      try {
        if (!allowance.take()) throw new TypeError("Too many commands");
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

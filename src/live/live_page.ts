import { encodeHex } from "../text/text.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { isLoopback } from "./request_guard.ts";
import { LiveFeed, type LiveFeedOptions } from "./live_feed.ts";
import { LiveServer } from "./live_server.ts";

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
  /** First the requested port, then the assigned one, so that an open page can reconnect. */
  #port: number;
  #token: string | undefined;
  #server: LiveServer | undefined;
  #url: string | undefined;
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
      this.#token = encodeHex(crypto.getRandomValues(new Uint8Array(16)));
    }
  }

  /** URL of the page, while it is open. */
  get url(): string | undefined {
    return this.#url;
  }

  /**
   * Opens the page before a run begins.
   *
   * @returns The URL of the page.
   * @throws {Error} If the port is taken, or the permission to listen is missing. Node and Bun notice
   *   that later, and warn on the console.
   */
  open(): string {
    clearTimeout(this.#staying);
    if (this.#url !== undefined) return this.#url;
    const hostname = this.#hostname;
    const server = this.#server = new LiveServer({
      hostname,
      port: this.#port,
      token: this.#token,
      join: (viewer) => this.join(viewer),
      onError: warn,
    });
    this.#port = server.port;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const url = new URL(`http://${host}:${this.#port}/`);
    if (this.#token) url.searchParams.set("token", this.#token);
    this.#url = url.href;
    this.#onOpen(url.href);
    return url.href;
  }

  /** Closes the page; every viewer keeps the last picture. */
  close(): Promise<void> {
    clearTimeout(this.#staying);
    const server = this.#server;
    this.#server = this.#url = undefined;
    if (server) this.#closing = server.close();
    return this.#closing;
  }

  /** Closes the page. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens the page, once the page of the previous run has left the port. */
  protected override async began(): Promise<void> {
    await this.#closing;
    try {
      this.open();
    } catch (error) {
      warn(error);
    }
  }

  /** Closes the page, now or later. */
  protected override ended(): void {
    if (this.#stay === 0) this.close();
    else if (this.#stay < Infinity) {
      this.#staying = setTimeout(() => this.close(), 1000 * this.#stay);
    }
  }
}

/** A page that cannot be served does not end the training. */
function warn(error: unknown): void {
  console.warn("Cannot serve the live page, the training continues without it:", error);
}

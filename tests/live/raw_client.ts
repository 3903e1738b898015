/**
 * A client of a live page that keeps to no protocol.
 *
 * @module
 */
import { within } from "../fixtures/within.ts";

/** A handshake without the line of its Host. */
export const UPGRADE = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** A TCP connection to a page. */
export class RawClient {
  readonly #connection: Deno.TcpConn;
  readonly #url: URL;

  private constructor(connection: Deno.TcpConn, url: URL) {
    this.#connection = connection;
    this.#url = url;
  }

  /** Connects to a page. */
  static async connect(page: string): Promise<RawClient> {
    const url = new URL(page);
    const port = Number(url.port);
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }), url);
  }

  /** Sends text or bytes. */
  async send(data: string | number[]): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : Uint8Array.from(data);
    for (let at = 0; at < bytes.length;) {
      at += await this.#connection.write(bytes.subarray(at));
    }
  }

  /** Sends a request, with the given lines after the first. */
  async request(path: string, lines: readonly string[]): Promise<void> {
    await this.send([`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  }

  /** Becomes a viewer. */
  async upgrade(): Promise<void> {
    const { host, origin, search } = this.#url;
    await this.request(`/live${search}`, [`Host: ${host}`, `Origin: ${origin}`, ...UPGRADE]);
    if (await this.status() !== 101) throw new Error("The handshake is refused");
  }

  /** The HTTP status of the answer; `undefined`: the connection is closed without one. */
  async status(): Promise<number | undefined> {
    const buffer = new Uint8Array(1024);
    const read = this.#connection.read(buffer).catch(() => null);
    const length = await within(5000, "the answer", read) ?? 0;
    const text = new TextDecoder().decode(buffer.subarray(0, length));
    const [, status] = /^HTTP\/1.1 (\d+)/.exec(text) ?? [];
    return status === undefined ? undefined : Number(status);
  }

  /** Resolves with all that comes until the page closes the connection. */
  async closed(limit = 5000): Promise<Uint8Array> {
    const chunks: number[] = [];
    const buffer = new Uint8Array(65_536);
    const reading = (async () => {
      for (;;) {
        const length = await this.#connection.read(buffer).catch(() => null);
        if (length === null) return Uint8Array.from(chunks);
        chunks.push(...buffer.subarray(0, length));
      }
    })();
    return await within(limit, "closing", reading);
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // It is closed already.
    }
  }
}

/** The code of the close frame at the end of what a page has sent. */
export function closeCode(bytes: Uint8Array): number | undefined {
  const at = bytes.lastIndexOf(0x88);
  return at < 0 ? undefined : 256 * bytes[at + 2] + bytes[at + 3];
}

/**
 * A viewer of a live page without a browser.
 *
 * @module
 */
import type { LiveMessage, LiveState } from "../../src/live/messages.ts";
import { within } from "../fixtures/within.ts";

const LIMIT = 10_000;

/** Whether this process may not use the network, so that the tests are ignored. */
export const offline = (await Deno.permissions.query({ name: "net" })).state !== "granted";

/** A WebSocket to a live page, and all messages that it received. */
export class Viewer {
  readonly messages: LiveMessage[] = [];
  readonly closed: Promise<CloseEvent>;
  readonly #socket: WebSocket;
  #onMessage = () => {};

  /** @param url URL of the page. */
  constructor(url: string, origin: string = new URL(url).origin) {
    const at = new URL("live", url);
    at.search = new URL(url).search;
    at.protocol = "ws:";
    this.#socket = new WebSocket(at, { headers: { origin } } as never);
    this.#socket.onerror = () => {};
    this.#socket.onmessage = ({ data }) => {
      this.messages.push(JSON.parse(data));
      this.#onMessage();
    };
    this.closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.closed.then(() => this.#onMessage());
  }

  /** The newest state. */
  get state(): LiveState | undefined {
    return this.messages.findLast((message) => message.type === "state");
  }

  /** The steps of all losses that it received. */
  get steps(): number[] {
    let steps: number[] = [];
    for (const message of this.messages) {
      if (message.type !== "points" || message.series !== "batches") continue;
      steps = [...message.reset ? [] : steps, ...message.points.map(({ step }) => step)];
    }
    return steps;
  }

  ask(command: unknown): void {
    this.#socket.send(typeof command === "string" ? command : JSON.stringify(command));
  }

  /** Waits until a condition holds for the messages. */
  async until(what: string, condition: () => unknown): Promise<void> {
    const waiting = async () => {
      while (!condition()) {
        if (this.#socket.readyState === WebSocket.CLOSED) throw new Error(`closed before ${what}`);
        await new Promise<void>((resolve) => this.#onMessage = resolve);
      }
    };
    await within(LIMIT, `${what}, state ${JSON.stringify(this.state)},`, waiting());
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}

/** A callback that slows batches down, and counts them. */
export function slowly(ms: number): { afterBatch(): Promise<void>; batches: number } {
  return {
    batches: 0,
    async afterBatch() {
      this.batches++;
      await new Promise((resolve) => setTimeout(resolve, ms));
    },
  };
}

/**
 * A viewer of a live page that is no browser.
 *
 * @module
 */
import type { LiveMessage, LiveState } from "../../src/live/messages.ts";
import { within } from "../fixtures/within.ts";

const LIMIT = 10_000;

/** Whether this process may serve and connect: without that, there is nothing to test. */
export const offline = (await Deno.permissions.query({ name: "net" })).state !== "granted";

/** A WebSocket to a live page, and all that came through it. */
export class Viewer {
  readonly messages: LiveMessage[] = [];
  readonly closed: Promise<CloseEvent>;
  readonly #socket: WebSocket;
  #heard = () => {};

  /** @param url Of the page, as it tells it. */
  constructor(url: string, origin: string = new URL(url).origin) {
    const at = new URL("live", url);
    at.search = new URL(url).search;
    at.protocol = "ws:";
    this.#socket = new WebSocket(at, { headers: { origin } } as never);
    this.#socket.onerror = () => {};
    this.#socket.onmessage = ({ data }) => {
      this.messages.push(JSON.parse(data));
      this.#heard();
    };
    this.closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.closed.then(() => this.#heard());
  }

  /** What it was told last of the run. */
  get state(): LiveState | undefined {
    return this.messages.findLast((message) => message.type === "state");
  }

  /** All losses that it was told. */
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

  /** Waits until what it was told fulfils a condition. */
  async until(what: string, condition: () => unknown): Promise<void> {
    const waiting = async () => {
      while (!condition()) {
        if (this.#socket.readyState === WebSocket.CLOSED) throw new Error(`closed before ${what}`);
        await new Promise<void>((resolve) => this.#heard = resolve);
      }
    };
    await within(LIMIT, `${what}, state ${JSON.stringify(this.state)},`, waiting());
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}

/** Batches of training, one every few ms, with everything about them counted. */
export function slowly(ms: number): { afterBatch(): Promise<void>; batches: number } {
  return {
    batches: 0,
    async afterBatch() {
      this.batches++;
      await new Promise((resolve) => setTimeout(resolve, ms));
    },
  };
}

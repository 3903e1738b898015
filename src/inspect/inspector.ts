import { type Timer, unref } from "./unref.ts";

/** Options of {@linkcode inspector}. */
export interface InspectorOptions {
  /**
   * Of the relay, `"ws://…"`; in a browser, of the inspector itself. Default: `"ws://localhost:8080"`,
   * and in a browser `"https://stately.ai/inspect"`.
   */
  url?: string;
  /** In a browser, the `<iframe>` to inspect in. Default: a window of its own. */
  iframe?: unknown;
}

/** What {@linkcode inspector} makes: the `inspect` of a run. */
export interface RunInspector {
  /** Hears of all that happens in a run; most of it goes no further. */
  // deno-lint-ignore no-explicit-any -- XState's types stay out of our signatures
  next(event: any): void;
  /** Sends what it has and lets go of everything. The end of a run does so by itself. */
  stop(): Promise<void>;
}

/** What takes events to where they are looked at. */
export interface Channel {
  close(): Promise<void>;
}

/** What a channel tells. */
export interface Ends {
  /** Somebody takes events now. */
  opened(observer: { next(event: unknown): void }): void;
  /** Nobody does any more. */
  lost(): void;
}

/** What is read of XState's inspection events. */
interface Inspected {
  type: string;
  event?: { type: string };
  snapshot?: { status: string; tags: ReadonlySet<string> };
  actorRef: { subscribe(observer: { complete(): void; error(): void }): unknown };
}

/** The least time between two snapshots of which neither is of importance, ms. */
const INTERVAL = 100;

/** After how many events the definition is sent again: a relay keeps the last 200. */
const AGAIN = 100;

/** How many events wait for a connection; then the oldest are dropped. */
const WAITING = 100;

/**
 * Shows a run in Stately's inspector, cheaply enough to be left on: of all that XState tells of it
 * at most ten snapshots a second are passed on, and every cancel, pause and failure.
 *
 * In Deno they go to a relay, to which whoever looks connects; without one, the run is none the
 * wiser. In a browser they go to a window or a frame. An inspector serves one run after another.
 *
 * @param options Where to.
 * @returns The `inspect` of a run.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { inspector } from "@trainchart/trainchart/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 * });
 * // Nobody listens there: the run goes on and ends all the same.
 * const { status } = await learner.train({ inspect: inspector({ url: "ws://localhost:9" }) });
 * assertEquals(status, "completed");
 * ```
 */
export function inspector(options: InspectorOptions = {}): RunInspector {
  return new Inspection(options);
}

class Inspection implements RunInspector {
  readonly #options: InspectorOptions;
  #channel: Promise<Channel | undefined> | undefined;
  /** Settles once the channel of the run before is closed. */
  #closed: Promise<void> = Promise.resolve();
  #observer: { next(event: unknown): void } | undefined;
  #definition: Inspected | undefined;
  #waiting: Inspected[] = [];
  #sinceDefinition = 0;
  /** The newest snapshot, if it was not passed on. */
  #held: Inspected | undefined;
  #passed = -Infinity;
  #timer: Timer | undefined;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  next(inspected: Inspected): void {
    if (inspected.type === "@xstate.snapshot") {
      if (isImportant(inspected) || performance.now() - this.#passed >= INTERVAL) {
        this.#passSnapshot(inspected);
      } else {
        this.#held = inspected;
        this.#timer ??= unref(setTimeout(() => this.#passHeld(), INTERVAL));
      }
    } else if (inspected.type === "@xstate.event") {
      if (inspected.event!.type !== "next") this.#pass(inspected);
    } else if (inspected.type === "@xstate.actor") this.#begin(inspected);
  }

  async stop(): Promise<void> {
    this.#passHeld();
    this.#observer = undefined;
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel) this.#closed = channel.then((channel) => channel?.close());
    await this.#closed;
  }

  #begin(definition: Inspected): void {
    this.#definition = definition;
    this.#channel ??= this.#closed.then(() => this.#open());
    this.#observer?.next(definition);
    // The last snapshot is told of after the end.
    const end = () => queueMicrotask(() => this.stop());
    definition.actorRef.subscribe({ complete: end, error: end });
  }

  async #open(): Promise<Channel | undefined> {
    const { url = "ws://localhost:8080" } = this.#options;
    const ends = {
      opened: (observer: { next(event: unknown): void }) => {
        this.#observer = observer;
        this.#sinceDefinition = 0;
        observer.next(this.#definition);
        this.#waiting.splice(0).forEach((inspected) => observer.next(inspected));
      },
      lost: () => this.#observer = undefined,
    };
    try {
      if (!("document" in globalThis)) {
        const { openRelay } = await import("./relay.ts");
        return openRelay(url, ends);
      }
      const { openWindow } = await import("./inspector_window.ts");
      return openWindow(this.#options, ends);
    } catch (error) {
      console.warn("Cannot inspect the run, which goes on:", error);
    }
  }

  #passHeld(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held) this.#passSnapshot(this.#held);
  }

  #passSnapshot(inspected: Inspected): void {
    this.#held = undefined;
    this.#passed = performance.now();
    this.#pass(inspected);
  }

  #pass(inspected: Inspected): void {
    if (!this.#observer) {
      this.#waiting.push(inspected);
      if (this.#waiting.length > WAITING) this.#waiting.shift();
      return;
    }
    this.#observer.next(inspected);
    if (++this.#sinceDefinition < AGAIN) return;
    this.#sinceDefinition = 0;
    this.#observer.next(this.#definition);
  }
}

/** Whether a snapshot is of more than of the next step: somebody steers, or it waits or ends. */
function isImportant({ event, snapshot }: Inspected): boolean {
  return event!.type !== "next" || snapshot!.status !== "active" || snapshot!.tags.has("paused");
}

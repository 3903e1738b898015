import { checkOptions } from "../checks/check_options.ts";
import type { ChannelEvents, EventChannel } from "./event_channel.ts";
import { type Timer, unref } from "./unref.ts";

/**
 * Options of {@linkcode inspector}.
 *
 * @category Inspecting
 */
export interface InspectorOptions {
  /**
   * Address of the relay, `"ws://…"`; in a browser, address of the inspector itself. Default:
   * `"ws://localhost:8080"`, in a browser `"https://stately.ai/inspect"`.
   */
  url?: string;
  /** In a browser, the `<iframe>` that shows the inspector. Default: a window of its own. */
  iframe?: unknown;
}

/**
 * The `inspect` option of a run, made by {@linkcode inspector}.
 *
 * @category Inspecting
 */
export interface RunInspector {
  /** Takes every inspection event of a run, and passes on the important ones. */
  // deno-lint-ignore no-explicit-any -- XState's types stay out of our signatures
  next(event: any): void;
  /** Sends the last events and disconnects. The end of a run does this, too. */
  stop(): Promise<void>;
}

/** The fields of XState's inspection events that are read. */
interface InspectionEvent {
  type: string;
  event?: { type: string };
  snapshot?: { status: string; tags: ReadonlySet<string> };
  actorRef: { subscribe(observer: { complete(): void; error(): void }): unknown };
}

/** Minimum time between two unimportant snapshots, in ms. */
const SNAPSHOT_INTERVAL = 100;

/** Number of events after which the definition is sent again: a relay keeps the last 200. */
const DEFINITION_INTERVAL = 100;

/** Maximum number of events that wait for a connection; then the oldest are dropped. */
const MAX_WAITING = 100;

/**
 * Shows a run in Stately's inspector, at a cost that allows leaving it on: it passes on at most ten
 * snapshots a second, and every cancel, pause and failure.
 *
 * In Deno, events go to a relay, to which viewers connect; without a relay, the run continues as
 * usual. In a browser, events go to a window or a frame. One inspector serves several runs in a row.
 *
 * @param options Address of the relay, or the frame.
 * @returns The `inspect` option of a run.
 * @throws {TypeError} If an option is unknown.
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
 * // No relay listens there: the run continues and ends as usual.
 * const { status } = await learner.train({ inspect: inspector({ url: "ws://localhost:9" }) });
 * assertEquals(status, "completed");
 * ```
 *
 * @category Inspecting
 */
export function inspector(options: InspectorOptions = {}): RunInspector {
  checkOptions("inspect a run", options, { url: true, iframe: true });
  return new RunInspection(options);
}

class RunInspection implements RunInspector {
  readonly #options: InspectorOptions;
  #channel: Promise<EventChannel | undefined> | undefined;
  /** Settles once the channel of the previous run is closed. */
  #closed: Promise<void> = Promise.resolve();
  #observer: { next(event: unknown): void } | undefined;
  #definition: InspectionEvent | undefined;
  #waiting: InspectionEvent[] = [];
  #sinceDefinition = 0;
  /** The newest snapshot, if it was not passed on. */
  #held: InspectionEvent | undefined;
  #passed = -Infinity;
  #timer: Timer | undefined;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  next(inspected: InspectionEvent): void {
    if (inspected.type === "@xstate.snapshot") {
      if (isImportant(inspected) || performance.now() - this.#passed >= SNAPSHOT_INTERVAL) {
        this.#passSnapshot(inspected);
      } else {
        this.#held = inspected;
        this.#timer ??= unref(setTimeout(() => this.#passHeld(), SNAPSHOT_INTERVAL));
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

  #begin(definition: InspectionEvent): void {
    this.#definition = definition;
    this.#channel ??= this.#closed.then(() => this.#open());
    this.#observer?.next(definition);
    // The last snapshot is an event of its own, after the end.
    const end = () => queueMicrotask(() => this.stop().catch(warn));
    definition.actorRef.subscribe({ complete: end, error: end });
  }

  async #open(): Promise<EventChannel | undefined> {
    const { url = "ws://localhost:8080" } = this.#options;
    const events: ChannelEvents = {
      opened: (target) => {
        const observer = this.#observer = {
          next: (event: unknown) => {
            try {
              target.next(event);
            } catch (error) {
              this.#observer = undefined;
              warn(error);
            }
          },
        };
        this.#sinceDefinition = 0;
        observer.next(this.#definition);
        this.#waiting.splice(0).forEach((inspected) => observer.next(inspected));
      },
      lost: () => this.#observer = undefined,
    };
    try {
      if (!("document" in globalThis)) {
        const { openRelay } = await import("./open_relay.ts");
        return openRelay(url, events);
      }
      const { openWindow } = await import("./open_window.ts");
      return openWindow(this.#options, events);
    } catch (error) {
      warn(error);
    }
  }

  #passHeld(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held) this.#passSnapshot(this.#held);
  }

  #passSnapshot(inspected: InspectionEvent): void {
    this.#held = undefined;
    this.#passed = performance.now();
    this.#pass(inspected);
  }

  #pass(inspected: InspectionEvent): void {
    if (!this.#observer) {
      this.#waiting.push(inspected);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return;
    }
    this.#observer.next(inspected);
    if (++this.#sinceDefinition < DEFINITION_INTERVAL) return;
    this.#sinceDefinition = 0;
    this.#observer.next(this.#definition);
  }
}

/** An inspector that cannot be reached does not end the training. */
function warn(error: unknown): void {
  console.warn("Cannot inspect the run, which continues:", error);
}

/** Whether a snapshot shows more than the next step: a command, a pause or the end of the run. */
function isImportant({ event, snapshot }: InspectionEvent): boolean {
  return event!.type !== "next" || snapshot!.status !== "active" || snapshot!.tags.has("paused");
}

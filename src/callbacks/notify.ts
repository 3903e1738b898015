import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/**
 * What is told at the end of a training.
 *
 * @category Callbacks
 */
export interface Notice {
  /** How it ended. */
  status: "completed" | "cancelled" | "failed";
  /** What went wrong, if it failed. */
  error?: string;
  /** How many epochs went to their end. */
  epochs: number;
  /** The last of everything that was measured, by name; in JSON, NaN is `null`. */
  metrics: Record<string, number>;
  /** How long it took, with its test. */
  seconds: number;
}

/**
 * Options of {@linkcode Notify}.
 *
 * @category Callbacks
 */
export interface NotifyOptions {
  /** What to send along, besides the notice: the name of the experiment. Default: nothing. */
  extra?: Record<string, unknown>;
  /** Sent with the request. Default: only the type of the content. */
  headers?: Record<string, string>;
  /** How long to wait for a webhook: ms, > 0. Default: 10,000. */
  timeout?: number;
  /** Told why it could not be sent. Default: warn on the console. */
  onFailure?: (error: unknown) => void;
}

/**
 * Tells at the end of a training, and of the test that follows it, how it went: calls a function,
 * or sends the notice as JSON to a webhook by POST. A webhook that is dead, slow or broken never
 * fails a run; nor does a function that throws.
 *
 * @example
 * ```ts
 * import { Notify } from "@trainchart/trainchart/callbacks";
 *
 * const toFunction = new Notify(({ status, seconds }) => console.log(status, seconds));
 * const toWebhook = new Notify("https://example.com/hook", { extra: { name: "baseline" } });
 * ```
 *
 * @category Callbacks
 */
export class Notify extends Callback {
  /** After everything that there is to tell about. */
  override priority: number = PRIORITIES.display;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** It sends something away: trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  readonly #target: string | URL | ((notice: Notice) => void | Promise<void>);
  readonly #options: NotifyOptions;
  #began: number | undefined;

  /**
   * Checks the target; sends nothing yet.
   *
   * @param target A function, or the URL of a webhook.
   * @param options What and how to send.
   * @throws {TypeError} If the target is neither a function nor a URL.
   * @throws {RangeError} If `timeout` is not > 0.
   */
  constructor(
    target: string | URL | ((notice: Notice) => void | Promise<void>),
    options: NotifyOptions = {},
  ) {
    super();
    if (typeof target !== "function" && !URL.canParse(String(target))) {
      throw new TypeError(
        `Cannot notify as the target must be a function or a URL: current value is ${target}`,
      );
    }
    const { timeout = 10_000 } = options;
    if (!(timeout > 0)) {
      throw new RangeError(`Cannot notify as timeout must be > 0 ms: current value is ${timeout}`);
    }
    this.#target = target;
    this.#options = { ...options, timeout };
  }

  /** Starts the clock. */
  override beforeTrain(): void {
    this.#began = performance.now();
  }

  /** Tells, unless there is more to come. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    if (learner.failures.length > 0 || learner.dataloaders.test) return;
    await this.#notify(learner);
  }

  /** Tells. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (learner.failures.length === 0) await this.#notify(learner);
  }

  /** Tells what went wrong. */
  override async onError(learner: AnyLearner): Promise<void> {
    await this.#notify(learner);
  }

  /** For how long the training has run, for a checkpoint. */
  override state(): unknown {
    return { seconds: this.#seconds() };
  }

  /** Goes on from a checkpoint; the time in between does not count. */
  override restore(state: unknown): void {
    const { seconds } = state as { seconds?: number };
    this.#began = seconds === undefined ? undefined : performance.now() - 1000 * seconds;
  }

  #seconds(): number | undefined {
    return this.#began === undefined ? undefined : (performance.now() - this.#began) / 1000;
  }

  async #notify(learner: AnyLearner): Promise<void> {
    const seconds = this.#seconds();
    if (seconds === undefined) return;
    this.#began = undefined;
    const [failure] = learner.failures;
    const ended = learner.cancelled.has("train") ? "cancelled" : "completed";
    const notice: Notice = {
      status: failure ? "failed" : ended,
      ...failure && { error: String(failure.error) },
      epochs: learner.epoch,
      metrics: { ...learner.metrics },
      seconds,
    };
    try {
      if (typeof this.#target === "function") await this.#target(notice);
      else await this.#post(this.#target, notice);
    } catch (error) {
      (this.#options.onFailure ?? warn)(error);
    }
  }

  async #post(url: string | URL, notice: Notice): Promise<void> {
    const { extra, headers, timeout } = this.#options;
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ ...extra, ...notice }),
      signal: AbortSignal.timeout(timeout!),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
  }
}

function warn(error: unknown): void {
  console.warn(`Notify could not send its notice: ${error}`);
}

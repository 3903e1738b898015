import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * The notice at the end of a training.
 *
 * @category Callbacks
 */
export interface Notice {
  /** The end of the training. */
  status: "completed" | "cancelled" | "failed";
  /** The error, if it failed. */
  error?: string;
  /** Number of completed epochs. */
  epochs: number;
  /** The last value of each metric, by name; in JSON, NaN is `null`. */
  metrics: Record<string, number>;
  /** Duration of the training and of its test. */
  seconds: number;
}

/** The longest time that a timer can wait, in ms: about 25 days. */
const LONGEST = 2 ** 31 - 1;

/**
 * Options of {@linkcode Notify}.
 *
 * @category Callbacks
 */
export interface NotifyOptions {
  /** Values to send besides the notice, such as the name of the experiment. Default: none. */
  extra?: Record<string, unknown>;
  /** Headers of the request. Default: only the type of the content. */
  headers?: Record<string, string>;
  /** Time to wait for a webhook, in ms, > 0; `Infinity`: without end. Default: 10,000. */
  timeout?: number;
  /** Called with the error if the notice could not be sent. Default: warn on the console. */
  onFailure?: (error: unknown) => void;
}

/**
 * Sends a notice at the end of a training and of the test that follows it: calls a function, or
 * sends the notice as JSON to a webhook by POST. A webhook that is dead, slow or broken never fails
 * a run; nor does a function that throws. Redirects are not followed, as most lose the notice.
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
  /** After everything that measures. */
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
   * @param options What else to send, and how.
   * @throws {TypeError} If the target is neither a function nor a URL, or an option is unknown.
   * @throws {RangeError} If `timeout` is not > 0.
   */
  constructor(
    target: string | URL | ((notice: Notice) => void | Promise<void>),
    options: NotifyOptions = {},
  ) {
    super();
    if (typeof target !== "function" && !URL.canParse(String(target))) {
      throw new TypeError(
        `Cannot notify as the target must be a function or a URL: current value is ${
          describeValue(target)
        }`,
      );
    }
    checkOptions("notify", options, { extra: true, headers: true, timeout: true, onFailure: true });
    const { timeout = 10_000 } = options;
    checkNumber("notify", "timeout", timeout, { above: 0, infinite: true, unit: "ms" });
    this.#target = target;
    this.#options = { ...options, timeout };
  }

  /** Starts the clock. */
  override beforeTrain(): void {
    this.#began = performance.now();
  }

  /** Sends the notice, unless a test follows. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    if (learner.failures.length > 0 || learner.dataloaders.test) return;
    await this.#notify(learner);
  }

  /** Sends the notice. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (learner.failures.length === 0) await this.#notify(learner);
  }

  /** Sends the error. */
  override async onError(learner: AnyLearner): Promise<void> {
    await this.#notify(learner);
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    seconds: field.optional(field.number()),
  });

  /** Duration of the training so far, for a checkpoint. */
  override state(): unknown {
    return { seconds: this.#seconds() };
  }

  /** Continues from a checkpoint; the time in between does not count. */
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
      redirect: "manual",
      ...timeout! <= LONGEST && { signal: AbortSignal.timeout(timeout!) },
    });
    await response.body?.cancel();
    if (response.ok) return;
    const location = response.headers.get("location");
    throw new Error(
      `the webhook answered ${response.status}` + (location ? `: it is now at ${location}` : ""),
    );
  }
}

function warn(error: unknown): void {
  console.warn(`Notify could not send its notice: ${error}`);
}

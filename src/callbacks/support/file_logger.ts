import { checkOptions, describeValue } from "../../checks/check_options.ts";
import { EpochLogger } from "./epoch_logger.ts";

/**
 * Options of every callback that writes a log.
 *
 * @category Callbacks
 */
export interface FileLoggerOptions {
  /** Whether a failed write is reported by `warn`, or ends the run. Default: `"warn"`. */
  onError?: "warn" | "fail";
  /** Called with a message when the log can no longer be written. Default: `console.warn`. */
  warn?: (message: string) => void;
}

/**
 * The base class of loggers that write files: a log that cannot be written does not end the run.
 *
 * @category Writing a callback
 */
export abstract class FileLogger extends EpochLogger {
  /** Trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  readonly #onError: "warn" | "fail";
  readonly #warn: (message: string) => void;
  /** Whether the last write failed: a failure is reported once, not in every epoch. */
  #failing = false;

  /**
   * Checks the options.
   *
   * @param options What to do if the log cannot be written; those of a subclass may be among them.
   * @param others The options of the subclass.
   * @throws {TypeError} If an option is unknown.
   */
  constructor(options: FileLoggerOptions, others: Record<string, unknown> = {}) {
    super();
    checkOptions("write a log", options, { onError: true, warn: true, ...others });
    const { onError = "warn", warn = (message) => console.warn(message) } = options;
    if (onError !== "warn" && onError !== "fail") {
      throw new TypeError(
        `Cannot write a log as onError must be "warn" or "fail": current value is ${
          describeValue(onError)
        }`,
      );
    }
    this.#onError = onError;
    this.#warn = warn;
  }

  /** Writes; a failure is reported, or ends the run. */
  protected async attempt(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#failing = false;
    } catch (error) {
      if (this.#onError === "fail") throw error;
      if (!this.#failing) {
        this.#warn(`${this.name} cannot write its log, and goes without: ${error}`);
      }
      this.#failing = true;
    }
  }
}

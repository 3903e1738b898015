import { checkOptions } from "../../checks/check_options.ts";
import { escapeMarkup } from "../../text/escape_markup.ts";
import { builtinModule, hostProcess, noColor } from "../../host/host_process.ts";
import { addLiveLine, removeLiveLine } from "./live_lines.ts";
import { inNotebook, NotebookDisplay } from "./notebook_display.ts";

/**
 * Options of callbacks that show a run in the terminal.
 *
 * @category Callbacks
 */
export interface TerminalOptions {
  /**
   * Whether one line is drawn over and over. Default: true on a terminal, unless NO_COLOR is set,
   * and in a notebook.
   */
  live?: boolean;
  /** Writes text. Default: to standard output, in a browser to the console. */
  write?: (text: string) => void;
}

/**
 * Standard output as a place where one line can be drawn over and over, under lines that stay; in a
 * notebook, that line has a place of its own in the output of the cell. Text of the console is
 * written above the line.
 */
export class Terminal {
  /** Whether a line can be drawn over. */
  readonly live: boolean;
  readonly #write: (text: string) => void;
  readonly #notebook: boolean;
  #display: NotebookDisplay | undefined;
  /** The text that is drawn; empty: none. */
  #drawn = "";

  /**
   * Writes nothing yet.
   *
   * @param options Where to write, and whether live.
   * @throws {TypeError} If an option is unknown.
   */
  constructor(options: TerminalOptions) {
    checkOptions("show a run", options, { live: true, write: true });
    const { live, write } = options;
    this.#notebook = !write && inNotebook();
    this.live = live ?? (this.#notebook || (isTerminal() && !write));
    this.#write = write ?? writeToStandardOutput;
  }

  /** Draws in the output of the cell that runs now. */
  begin(): void {
    this.#display = undefined;
  }

  /** The longest line that can be drawn over; a longer one is cut off. */
  get width(): number {
    return this.columns - 1;
  }

  /** The width in characters; without a terminal, 80. */
  get columns(): number {
    return this.#notebook ? Infinity : terminalColumns();
  }

  /** Draws the line over the one before. */
  draw(text: string): void {
    if (!this.live) return;
    this.#over(text);
    this.#drawn = text;
    if (!this.#notebook) addLiveLine(this.#line);
  }

  /** Removes the line that was drawn. */
  clear(): void {
    if (this.#drawn !== "") this.#over("");
    this.#drawn = "";
    removeLiveLine(this.#line);
  }

  /** Writes a line that stays. */
  line(text: string): void {
    this.clear();
    this.#write(`${text}\n`);
  }

  readonly #line = {
    hide: () => this.#over(""),
    show: () => this.#over(this.#drawn),
  };

  #over(text: string): void {
    if (!this.#notebook) return this.#write(`\r\x1b[2K${text.slice(0, this.width)}`);
    this.#display ??= new NotebookDisplay();
    this.#display.show({
      "text/plain": text,
      "text/html": `<pre style="margin: 0">${escapeMarkup(text)}</pre>`,
    });
  }
}

/** Number of the file of standard output. */
const STANDARD_OUTPUT = 1;

/** Pause before the next attempt to write to a pipe that is full, in ms. */
const FULL = 2;

const encoder = new TextEncoder();

/** A display never ends a run: a pipe that was closed at its other end is left alone. */
function writeToStandardOutput(text: string): void {
  const fs = builtinModule<{ writeSync(file: number, bytes: Uint8Array): number }>("node:fs");
  if (!fs || inNotebook()) {
    if (text.endsWith("\n")) console.log(text.slice(0, -1));
    return;
  }
  let rest = encoder.encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(STANDARD_OUTPUT, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL);
    }
  }
}

function isTerminal(): boolean {
  const tty = builtinModule<{ isatty(file: number): boolean }>("node:tty");
  return tty !== undefined && !noColor() && tty.isatty(STANDARD_OUTPUT);
}

function terminalColumns(): number {
  return hostProcess?.stdout.columns ?? 80;
}

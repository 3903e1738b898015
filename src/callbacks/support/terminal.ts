/**
 * The terminal, or the output of a notebook's cell, as a place that shows a run.
 *
 * @module
 */
import { checkOptions } from "../../checks/check_options.ts";
import { builtinModule, hostProcess, noColor } from "../../host/host_process.ts";
import { escapeMarkup } from "../../text/text.ts";

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
    checkOptions("show a run", options, { live: "flag", write: true });
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

  /** In a notebook, waits until the last line was sent: what is sent after a cell may be lost. */
  settle(): void | Promise<void> {
    return this.#display?.settle();
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

/** Longest wait for a notebook that does not answer, in ms. */
const LATE = 1000;

/** Pause before the next attempt to write to a pipe that is full, in ms. */
const FULL = 2;

const ENCODER = new TextEncoder();

/** A display never ends a run: a pipe that was closed at its other end is left alone. */
function writeToStandardOutput(text: string): void {
  const fs = builtinModule<{ writeSync(file: number, bytes: Uint8Array): number }>("node:fs");
  if (!fs || inNotebook()) {
    if (text.endsWith("\n")) console.log(text.slice(0, -1));
    return;
  }
  let rest = ENCODER.encode(text);
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

/** A line that is drawn over and over. */
export interface LiveLine {
  /** Removes the line, so that other text can take its place. */
  hide(): void;
  /** Draws it again. */
  show(): void;
}

const METHODS = ["log", "info", "debug", "warn", "error"] as const;

type Write = (...values: unknown[]) => void;

const DRAWN = new Set<LiveLine>();
const ORIGINALS = new Map<typeof METHODS[number], { original: Write; ours: Write }>();

/**
 * A live line is on the screen now: until {@linkcode removeLiveLine}, text of the console is
 * written above it. Otherwise the text would end up behind the line, and be wiped out with it.
 */
function addLiveLine(line: LiveLine): void {
  if (DRAWN.size === 0) METHODS.forEach(wrap);
  DRAWN.add(line);
}

/** A live line is no longer on the screen. */
function removeLiveLine(line: LiveLine): void {
  if (DRAWN.delete(line) && DRAWN.size === 0) METHODS.forEach(unwrap);
}

function wrap(method: typeof METHODS[number]): void {
  if (ORIGINALS.get(method)?.ours === console[method]) return;
  const original: Write = console[method];
  const ours: Write = (...values) => {
    for (const line of DRAWN) line.hide();
    original.apply(console, values);
    for (const line of DRAWN) line.show();
  };
  ORIGINALS.set(method, { original, ours });
  console[method] = ours;
}

/** Where another program has wrapped the method meanwhile, ours stays: it only passes on. */
function unwrap(method: typeof METHODS[number]): void {
  const { original, ours } = ORIGINALS.get(method)!;
  if (console[method] !== ours) return;
  console[method] = original;
  ORIGINALS.delete(method);
}

/** One output of a notebook, in one form or more, by media type. */
export type MediaBundle = Record<string, string>;

/** The part of Deno's kernel for Jupyter that is used here. */
interface Kernel {
  broadcast(type: string, content: Record<string, unknown>): Promise<void>;
}

/** Whether the program runs in a notebook. */
function inNotebook(): boolean {
  return kernelOf() !== undefined;
}

/** A place in the output of the running cell, whose content can be replaced. */
class NotebookDisplay {
  readonly #id: string = crypto.randomUUID();
  #sent: Promise<void> = Promise.resolve();
  #shown = false;
  #isLost = false;
  #next: MediaBundle | undefined;

  /** Replaces the content. Content that was replaced before it could be sent is left out. */
  show(data: MediaBundle): void {
    if (!this.#next) this.#sent = this.#sent.then(() => this.#send());
    this.#next = data;
  }

  /** Waits until the content was sent; a front end that no longer answers is waited for once. */
  async settle(): Promise<void> {
    if (this.#isLost) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => timer = setTimeout(resolve, LATE, true));
    this.#isLost = await Promise.race([this.#sent.then(() => false), late]);
    clearTimeout(timer);
  }

  async #send(): Promise<void> {
    const data = this.#next!;
    this.#next = undefined;
    const type = this.#shown ? "update_display_data" : "display_data";
    this.#shown = true;
    try {
      await kernelOf()?.broadcast(type, {
        data,
        metadata: {},
        transient: { display_id: this.#id },
      });
    } catch {
      // A display never ends a run: the notebook was closed.
    }
  }
}

/** Outside of a notebook, Deno throws where it is asked for its kernel. */
function kernelOf(): Kernel | undefined {
  try {
    return (globalThis as { Deno?: { jupyter?: Kernel } }).Deno?.jupyter;
  } catch {
    return undefined;
  }
}

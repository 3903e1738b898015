import { escapeMarkup } from "../../text/escape_markup.ts";
import { inNotebook, NotebookDisplay } from "./notebook_display.ts";

/**
 * Options of everything that shows a run in the terminal.
 *
 * @category Callbacks
 */
export interface TerminalOptions {
  /**
   * Whether one line is drawn over and over. Default: on a terminal, unless NO_COLOR is set, and in
   * a notebook.
   */
  live?: boolean;
  /** Where text goes. Default: standard output, in a browser the console. */
  write?: (text: string) => void;
}

/**
 * Standard output as a place where one line may be drawn over and over, under lines that stay; in a
 * notebook, that line has a place of its own in the output of the cell.
 */
export class Terminal {
  /** Whether a line may be drawn over. */
  readonly live: boolean;
  readonly #write: (text: string) => void;
  readonly #notebook: boolean;
  #display: NotebookDisplay | undefined;
  #drawn = false;

  constructor({ live, write }: TerminalOptions) {
    this.#notebook = !write && inNotebook();
    this.live = live ?? (this.#notebook || (isTerminal() && !write));
    this.#write = write ?? writeToStandardOutput;
  }

  /** Draws in another place from now on: where the cell is that runs now. */
  begin(): void {
    this.#display = undefined;
  }

  /** How long the line may be that is drawn over; a longer one is cut off. */
  get width(): number {
    return this.#notebook ? Infinity : columns() - 1;
  }

  /** Draws the line that is going to be drawn over. */
  draw(text: string): void {
    if (!this.live) return;
    this.#over(text);
    this.#drawn = true;
  }

  /** Removes the line that was drawn. */
  clear(): void {
    if (this.#drawn) this.#over("");
    this.#drawn = false;
  }

  /** Writes a line that stays. */
  line(text: string): void {
    this.clear();
    this.#write(`${text}\n`);
  }

  #over(text: string): void {
    if (!this.#notebook) return this.#write(`\r\x1b[2K${text.slice(0, this.width)}`);
    this.#display ??= new NotebookDisplay();
    this.#display.show({
      "text/plain": text,
      "text/html": `<pre style="margin: 0">${escapeMarkup(text)}</pre>`,
    });
  }
}

const encoder = new TextEncoder();

/** A display never ends a run: a pipe that was closed at its other end is left alone. */
function writeToStandardOutput(text: string): void {
  if (typeof Deno === "undefined" || inNotebook()) {
    if (text.endsWith("\n")) console.log(text.slice(0, -1));
    return;
  }
  let bytes = encoder.encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function isTerminal(): boolean {
  return typeof Deno !== "undefined" && !Deno.noColor && Deno.stdout.isTerminal();
}

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}

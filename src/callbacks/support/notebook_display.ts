/** What is sent to a notebook: the same thing in one form or more, by media type. */
export type MediaBundle = Record<string, string>;

/** The kernel of Deno for Jupyter, as far as it is used. */
interface Kernel {
  broadcast(type: string, content: Record<string, unknown>): Promise<void>;
}

/** Whether this runs in a notebook. */
export function inNotebook(): boolean {
  return kernelOf() !== undefined;
}

/** A place in the output of the cell that is running, whose content is replaced as often as it changes. */
export class NotebookDisplay {
  readonly #id: string = crypto.randomUUID();
  #sent: Promise<void> = Promise.resolve();
  #shown = false;
  #next: MediaBundle | undefined;

  /** Shows something instead of what was there. What was overtaken on the way is left out. */
  show(data: MediaBundle): void {
    if (!this.#next) this.#sent = this.#sent.then(() => this.#send());
    this.#next = data;
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
      // A display never ends a run: whoever was looking is gone.
    }
  }
}

/** Deno throws where it is asked for a kernel and there is none. */
function kernelOf(): Kernel | undefined {
  try {
    return (globalThis as { Deno?: { jupyter?: Kernel } }).Deno?.jupyter;
  } catch {
    return undefined;
  }
}

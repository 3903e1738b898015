/** One output of a notebook, in one form or more, by media type. */
export type MediaBundle = Record<string, string>;

/** The part of Deno's kernel for Jupyter that is used here. */
interface Kernel {
  broadcast(type: string, content: Record<string, unknown>): Promise<void>;
}

/** Whether the program runs in a notebook. */
export function inNotebook(): boolean {
  return kernelOf() !== undefined;
}

/** A place in the output of the running cell, whose content can be replaced. */
export class NotebookDisplay {
  readonly #id: string = crypto.randomUUID();
  #sent: Promise<void> = Promise.resolve();
  #shown = false;
  #next: MediaBundle | undefined;

  /** Replaces the content. Content that was replaced before it could be sent is left out. */
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

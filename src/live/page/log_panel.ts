import type { LiveLog } from "../messages.ts";
import { element } from "./element.ts";
import { panel } from "./panel.ts";

/** Maximum number of lines. */
const LINES = 200;

/** The newest lines, the newest last. The newest stays in sight unless the list was scrolled up. */
export class LogPanel {
  readonly root = panel("log", "Log");
  readonly #lines = element("ol", { tabIndex: 0 });

  constructor() {
    this.root.append(this.#lines);
  }

  clear(): void {
    this.#lines.replaceChildren();
  }

  show({ lines }: LiveLog): void {
    const list = this.#lines;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    list.append(...lines.map(({ time, text }) => {
      const clock = new Date(time).toTimeString().slice(0, 8);
      return element("li", {}, element("time", {}, clock), text);
    }));
    while (list.childElementCount > LINES) list.firstElementChild!.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  }
}

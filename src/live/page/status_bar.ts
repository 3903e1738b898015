import type { LiveState } from "../messages.ts";
import { element } from "./element.ts";

const PHASES = {
  idle: "running",
  train: "training",
  validate: "validating",
  test: "testing",
  predict: "predicting",
};

/** Title, status and progress of the run. */
export class StatusBar {
  readonly root: HTMLElement;
  readonly #title = element("h1");
  readonly #status = element("span", { className: "status", role: "status" });
  readonly #reason = element("span", { className: "reason" });
  readonly #link = element("span", { className: "link" });
  readonly #reconnect = element("button", { type: "button", hidden: true }, "Reconnect");
  readonly #progress = element("progress", { max: 1, value: 0, ariaLabel: "Progress of the run" });

  constructor() {
    const connection = element("span", { className: "connection" }, this.#link, this.#reconnect);
    this.root = element(
      "header",
      { className: "top" },
      element("div", {}, this.#title, this.#status, this.#reason, connection),
      this.#progress,
    );
    this.connected(false);
  }

  title(title: string): void {
    this.#title.textContent = document.title = title;
  }

  /** Shows whether the page is connected, so that it shows the present. */
  connected(connected: boolean, reconnect?: () => void): void {
    this.#link.textContent = connected ? "live" : reconnect ? "closed" : "not connected";
    this.#link.classList.toggle("lost", !connected);
    this.#link.classList.toggle("closed", reconnect !== undefined);
    this.#reconnect.hidden = !reconnect;
    this.#reconnect.onclick = reconnect ?? null;
  }

  show({ status, phase, reason, progress, viewers }: LiveState): void {
    this.#status.textContent = status === "running" ? PHASES[phase] : status;
    this.#status.dataset.status = status;
    this.#reason.textContent = reason ?? "";
    this.#progress.value = progress ?? 0;
    if (!this.#link.classList.contains("lost")) {
      this.#link.textContent = viewers > 1 ? `live, ${viewers} viewers` : "live";
    }
  }
}

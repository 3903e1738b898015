import type { LiveCommand, LiveMessage } from "../messages.ts";
import { ChartPanel } from "./chart_panel.ts";
import { Controls } from "./controls.ts";
import { Curves } from "./curves.ts";
import { element } from "./element.ts";
import { LogPanel } from "./log_panel.ts";
import { LossPanel } from "./loss_panel.ts";
import { MetricsPanel } from "./metrics_panel.ts";
import { Stats } from "./stats.ts";
import { StatusBar } from "./status_bar.ts";
import { WorkPanel } from "./work_panel.ts";

/** Shows the messages of a run, which is behind a WebSocket, or in this tab. */
export class LiveView {
  readonly #status = new StatusBar();
  readonly #controls: Controls;
  readonly #stats = new Stats();
  readonly #chart: ChartPanel;
  readonly #loss = new LossPanel();
  readonly #metrics = new MetricsPanel();
  readonly #work = new WorkPanel();
  readonly #log = new LogPanel();
  #curves = new Curves();
  #run = 0;

  /**
   * @param root The element that the page is built in.
   * @param drawing SVG of the chart, as `chartToSvg()` makes it.
   * @param ask Sends a command to the run.
   */
  constructor(root: HTMLElement, drawing: string, ask: (command: LiveCommand) => void) {
    this.#controls = new Controls(ask);
    this.#chart = new ChartPanel(drawing);
    root.append(
      this.#status.root,
      this.#controls.root,
      element(
        "main",
        {},
        this.#stats.root,
        this.#chart.root,
        this.#loss.root,
        this.#metrics.root,
        this.#work.root,
        this.#log.root,
      ),
    );
  }

  /**
   * Shows that the connection is lost; the last picture stays.
   *
   * @param reconnect Connects again when the viewer asks for it. Default: that happens by itself.
   */
  disconnected(reconnect?: () => void): void {
    this.#status.connected(false, reconnect);
    this.#controls.disable();
  }

  /** Shows a message. */
  show(message: LiveMessage): void {
    switch (message.type) {
      case "hello":
        this.#status.title(message.title);
        this.#status.connected(true);
        this.#log.clear();
        this.#curves = new Curves();
        return;
      case "state":
        if (message.run !== this.#run) {
          this.#run = message.run;
          this.#curves = new Curves();
        }
        for (const part of [this.#status, this.#controls, this.#stats, this.#chart]) {
          part.show(message);
        }
        return;
      case "points":
        this.#curves.add(message);
        this.#loss.show(this.#curves);
        this.#metrics.show(this.#curves);
        return;
      case "work":
        return this.#work.show(message);
      case "log":
        return this.#log.show(message);
      case "refused":
        return this.#controls.refused(message.reason);
    }
  }
}

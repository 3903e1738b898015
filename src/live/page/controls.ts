import type { RunEvent } from "../../learner/run_interface.ts";
import type { LiveCommand, LiveState } from "../messages.ts";
import { element } from "./element.ts";
import { formatNumber } from "../../text/text.ts";

interface Button {
  readonly label: string;
  readonly key: string;
  readonly hint: string;
}

const BUTTONS: Record<RunEvent, Button> = {
  pause: { label: "Pause", key: "p", hint: "Stop before the next batch" },
  resume: { label: "Resume", key: "r", hint: "Continue" },
  step: { label: "Step", key: "s", hint: "Run one batch, then stop" },
  "cancel.batch": { label: "Cancel batch", key: "b", hint: "Skip the rest of this batch" },
  "cancel.epoch": { label: "Cancel epoch", key: "e", hint: "End this epoch or validation now" },
  "cancel.train": {
    label: "Cancel training",
    key: "T",
    hint: "End the training; the test still runs",
  },
};

/** The buttons, each enabled while the machine accepts its event, and their keys. */
export class Controls {
  readonly root: HTMLElement;
  readonly #buttons = new Map<RunEvent, HTMLButtonElement>();
  readonly #rate = element("input", {
    type: "text",
    inputMode: "decimal",
    ariaLabel: "Learning rate",
    title: "A new learning rate, then Enter",
  });
  readonly #refusal = element("output", { className: "refusal" });
  readonly #ask: (command: LiveCommand) => void;
  #fading: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: (command: LiveCommand) => void) {
    this.#ask = ask;
    for (const [type, { label, key, hint }] of Object.entries(BUTTONS)) {
      const title = `${hint} (${key === "T" ? "Shift+T" : key.toUpperCase()})`;
      const button = element(
        "button",
        { type: "button", disabled: true, title, data: { event: type } },
        label,
        element("kbd", {}, key === "T" ? "⇧T" : key.toUpperCase()),
      );
      button.onclick = ({ detail }) => {
        if (detail > 0) button.blur(); // after a click, the space bar pauses and does not press the button again
        ask({ type: type as RunEvent });
      };
      this.#buttons.set(type as RunEvent, button);
    }
    this.#rate.onchange = () => this.#askRate();
    const rate = element("label", { className: "rate" }, "Learning rate", this.#rate);
    this.root = element(
      "nav",
      { className: "controls", ariaLabel: "Steer the run" },
      ...this.#buttons.values(),
      rate,
      this.#refusal,
    );
    document.addEventListener("keydown", (event) => this.#press(event));
  }

  show({ accepts, learningRate }: LiveState): void {
    for (const [event, button] of this.#buttons) {
      const disabled = !accepts.includes(event);
      if (button.disabled !== disabled) button.disabled = disabled;
    }
    this.#rate.disabled = accepts.length === 0;
    if (document.activeElement !== this.#rate) {
      this.#rate.value = learningRate === null ? "–" : formatNumber(learningRate);
    }
  }

  /** Disables everything: there is no connection. */
  disable(): void {
    for (const button of this.#buttons.values()) button.disabled = true;
    this.#rate.disabled = true;
  }

  refused(reason: string): void {
    clearTimeout(this.#fading);
    this.#refusal.textContent = reason;
    this.#fading = setTimeout(() => this.#refusal.textContent = "", 4000);
  }

  #askRate(): void {
    const value = Number(this.#rate.value);
    this.#rate.blur();
    if (this.#rate.value.trim() !== "" && Number.isFinite(value)) {
      this.#ask({ type: "learningRate", value });
    } else this.refused("A learning rate must be a number");
  }

  #press(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLInputElement && event.target.type === "text";
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const space = event.key === " " && !(event.target instanceof HTMLButtonElement);
    for (const [type, button] of this.#buttons) {
      const toggles = space && (type === "pause" || type === "resume");
      if (button.disabled || !(toggles || event.key === BUTTONS[type].key)) continue;
      event.preventDefault();
      return button.click();
    }
  }
}

/// <reference lib="dom" />
/**
 * The machine in the site: the reader steps a run, throws and cancels; the drawing lights up.
 *
 * @module
 */
import type { ChartEvent, RunKind } from "../../../src/chart/chart.ts";
import { statePaths } from "../../../src/diagram/state_paths.ts";
import { CancelBatch, CancelEpoch, CancelTrain } from "../../../src/errors.ts";
import { ChartPanel } from "../../../src/live/page/chart_panel.ts";
import { element } from "../../../src/live/page/element.ts";
import { ToyRun, type Work } from "./toy_run.ts";

const KINDS: RunKind[] = ["train", "validate", "test", "predict"];
/** Everything that the reader can throw in a hook. */
const THROWN: Record<string, () => Error> = {
  CancelBatch: () => new CancelBatch(),
  CancelEpoch: () => new CancelEpoch(),
  CancelTrain: () => new CancelTrain("thrown in a hook"),
  Error: () => new Error("a bug"),
};
/** Calls from outside, with their events. */
const EVENTS: Record<string, ChartEvent> = {
  "pause()": { type: "pause" },
  "resume()": { type: "resume" },
  "step()": { type: "step" },
  'cancel("batch")': { type: "cancel.batch" },
  'cancel("epoch")': { type: "cancel.epoch" },
  'cancel("train")': { type: "cancel.train" },
};
/** Time between two pieces of work of a run that plays, in ms. */
const PACE = 250;

const place = document.querySelector<HTMLElement>("#machine")!;
const chart = new ChartPanel(place.querySelector("template")!.innerHTML);
const list = element("ol", { className: "work" });
const status = element("output", {});
const next = button("Next", () => run?.next());
const play = button("Play", () => playing ? stop() : start());
const starts = KINDS.map((kind) => button(`${kind}()`, () => begin(kind)));
const throws = Object.entries(THROWN).map(([name, make]) => button(name, () => run?.throw(make())));
const events = Object.entries(EVENTS).map(([name, event]) => button(name, () => send(event)));

let run: ToyRun | undefined;
let playing: ReturnType<typeof setInterval> | undefined;

place.append(
  row("Start", ...starts),
  row("Do the work", next, play),
  row("Throw in the hook", ...throws),
  row("Call from outside", ...events),
  status,
  element("div", { className: "views" }, chart.root, list),
);
show();

function button(label: string, click: () => void): HTMLButtonElement {
  return element("button", { type: "button", onclick: click }, label);
}

function row(name: string, ...buttons: HTMLElement[]): HTMLElement {
  return element("div", { className: "row", role: "group", ariaLabel: name }, name, ...buttons);
}

async function begin(kind: RunKind): Promise<void> {
  list.replaceChildren();
  const toy = run = new ToyRun(add);
  toy.pump.actor.subscribe(() => show());
  toy.pump.start(kind);
  const { status: end, reason, error } = await toy.pump.run();
  run = undefined;
  stop();
  show();
  const why = error instanceof Error ? `: ${error.message}` : reason ? `: ${reason}` : "";
  status.textContent = end + why;
}

/** Adds work that begins to the list. */
function add({ name, isHook, cancelled }: Work): void {
  const mark = cancelled.length > 0 ? ` * ${cancelled.join(", ")}` : "";
  const title = mark && "learner.cancelled at this time";
  const className = isHook ? "hook" : "task";
  list.append(element("li", { className, title }, element("code", {}, name), mark));
  list.scrollTop = list.scrollHeight;
  show();
}

function send(event: ChartEvent): void {
  // Work that is cut short ends here, as a hook that heeds `learner.signal` does.
  if (run?.pump.request(event) && event.type.startsWith("cancel")) run.next();
  show();
}

function start(): void {
  playing = setInterval(() => run?.next(), PACE);
  show();
}

function stop(): void {
  clearInterval(playing);
  playing = undefined;
}

function show(): void {
  const snapshot = run?.pump.actor.getSnapshot();
  const waiting = run?.waiting;
  const paused = snapshot?.hasTag("paused") ?? false;
  next.disabled = !waiting;
  next.textContent = waiting ? `Next: ${waiting.name}` : "Next";
  play.disabled = !run;
  play.textContent = playing ? "Stop" : "Play";
  for (const start of starts) start.disabled = run !== undefined;
  for (const thrower of throws) thrower.disabled = !waiting?.isHook;
  for (const [index, event] of Object.values(EVENTS).entries()) {
    events[index].disabled = !run?.pump.can(event);
  }
  if (!snapshot) return;
  status.textContent = paused ? "paused" : `epoch ${snapshot.context.epoch + 1}`;
  chart.show({
    step: null,
    phase: "idle",
    active: ["learner", ...statePaths(snapshot.value, "learner")],
    shares: {},
    status: paused ? "paused" : "running",
  });
}

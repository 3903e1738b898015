import { isTask, stateName, type WorkName } from "../../chart/hooks.ts";
import { VERSION } from "../../version.ts";
import type { TracedStep, TracedWork } from "./trace_record.ts";

/**
 * One entry of {@linkcode ChromeTrace}.
 *
 * @category Callbacks
 */
export interface ChromeTraceEvent {
  /** `"X"` has a duration, `"i"` is an instant, `"M"` names a process or a thread. */
  ph: "X" | "i" | "M";
  /** The name of the state, of the callback and its hook, of the task, or of the event. */
  name: string;
  /** The kind of entry. */
  cat: "state" | "hook" | "task" | "step" | "__metadata";
  /** When it began, in µs. */
  ts: number;
  /** Duration in µs, if it has one. */
  dur?: number;
  /** The process: always 1. */
  pid: number;
  /** The thread: one for states, one for hooks and tasks, one for events. */
  tid: number;
  /** The scope of an instant: its thread. */
  s?: "t";
  /** Further facts. */
  args: Record<string, unknown>;
}

/**
 * A trace in the JSON format of Chrome: nested slices on one thread for the states and one for
 * hooks and tasks, and instants on a third for the events of the machine.
 *
 * The Chromium Authors, *Trace Event Format*, 2016.
 *
 * @category Callbacks
 */
export interface ChromeTrace {
  /** The entries, in the order in which they began. */
  traceEvents: ChromeTraceEvent[];
  /** The unit in which times are shown. */
  displayTimeUnit: "ms";
  /** The program that wrote the trace. */
  otherData: Record<string, string>;
}

const THREADS = { states: 1, work: 2, events: 3 };

/** Brings entries into Chrome's format. */
export function chromeTrace(entries: readonly (TracedWork | TracedStep)[]): ChromeTrace {
  const steps = entries.filter((entry) => "event" in entry);
  const work = entries.filter((entry) => "work" in entry);
  const last = entries.at(-1);
  const end = last ? last.time + ("work" in last ? last.microseconds : 0) : 0;
  const events: ChromeTraceEvent[] = [
    ...stateSlices(steps, end),
    ...work.map(workSlice),
    ...steps.map(stepInstant),
  ];
  const names = { states: "states", work: "hooks and tasks", events: "events" };
  return {
    traceEvents: [
      metadata("process_name", 0, "Trainchart"),
      ...Object.entries(THREADS).map(([thread, tid]) =>
        metadata("thread_name", tid, names[thread as keyof typeof names])
      ),
      // Of two slices that begin together, the longer one contains the other.
      ...events.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0)),
    ],
    displayTimeUnit: "ms",
    otherData: { trainchart: VERSION },
  };
}

/** A slice for each state, from its entry to its exit, inside those of the states around it. */
function stateSlices(steps: readonly TracedStep[], end: number): ChromeTraceEvent[] {
  const slices: ChromeTraceEvent[] = [];
  let open: ChromeTraceEvent[] = [];
  for (const { time, value } of steps) {
    const path = stateName(value).split(".");
    const kept = path.findIndex((name, depth) => open[depth]?.name !== name);
    const common = kept < 0 ? path.length : kept;
    for (const slice of open.slice(common)) slice.dur = time - slice.ts;
    const entered = path.slice(common).map((name, index): ChromeTraceEvent => ({
      ...{ ph: "X", name, cat: "state", ts: time, pid: 1, tid: THREADS.states },
      args: { state: path.slice(0, common + index + 1).join(".") },
    }));
    open = [...open.slice(0, common), ...entered];
    slices.push(...entered);
  }
  for (const slice of open) slice.dur = Math.max(0, end - slice.ts);
  return slices;
}

function workSlice(
  { time, microseconds, work, callback, value, epoch, batch, step }: TracedWork,
): ChromeTraceEvent {
  return {
    ph: "X",
    name: callback ? `${callback}.${work}` : work,
    cat: isTask(work as WorkName) ? "task" : "hook",
    ts: time,
    dur: microseconds,
    pid: 1,
    tid: THREADS.work,
    args: { epoch, batch, state: stateName(value), ...step && { step } },
  };
}

function stepInstant({ time, event, value, context }: TracedStep): ChromeTraceEvent {
  return {
    ...{ ph: "i", name: event?.type ?? "begin", cat: "step", ts: time, s: "t" },
    ...{ pid: 1, tid: THREADS.events },
    args: { event, value, context },
  };
}

function metadata(name: string, tid: number, called: string): ChromeTraceEvent {
  return { ph: "M", name, cat: "__metadata", ts: 0, pid: 1, tid, args: { name: called } };
}

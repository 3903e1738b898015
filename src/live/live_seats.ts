import type { CurveCursors, LiveCurves } from "./live_curves.ts";
import type { LogBuffer } from "./log_buffer.ts";
import type { LiveMessage, LiveState, LiveWork } from "./messages.ts";

/**
 * A viewer of a run: anything that takes messages.
 *
 * @category Live page
 */
export interface LiveViewer {
  /** Takes a message, as JSON. A viewer that throws is sent nothing more. */
  send(message: string): void;
  /** Whether to send nothing now; the viewer gets what it missed later. Default: false. */
  readonly busy?: boolean;
}

/** A viewer, and what it has been sent. */
export interface Seat {
  readonly viewer: LiveViewer;
  cursors: CurveCursors | undefined;
  lines: number;
  state: string;
}

/** The messages to send. */
export interface LiveUpdate {
  readonly state: LiveState;
  readonly work: LiveWork | undefined;
  readonly curves: LiveCurves | undefined;
  readonly log: LogBuffer;
}

/** The viewers of a feed: sends each of them what it has not seen. */
export class LiveSeats {
  readonly #seats = new Set<Seat>();

  /** Number of viewers. */
  get size(): number {
    return this.#seats.size;
  }

  /** Adds a viewer, which has seen nothing. */
  add(viewer: LiveViewer): Seat {
    const seat: Seat = { viewer, cursors: undefined, lines: 0, state: "" };
    this.#seats.add(seat);
    return seat;
  }

  /** Removes a viewer. */
  remove(seat: Seat): void {
    this.#seats.delete(seat);
  }

  /** Sends one message to one viewer. */
  send(seat: Seat, message: LiveMessage): void {
    this.#send(seat, JSON.stringify(message));
  }

  /** Sends each viewer what it has not seen. */
  broadcast({ state, work, curves, log }: LiveUpdate): void {
    const [stateText, workText] = [state, work].map((message) => JSON.stringify(message));
    for (const seat of this.#seats) {
      if (seat.viewer.busy) continue;
      if (seat.state !== stateText) this.#send(seat, seat.state = stateText);
      if (work) this.#send(seat, workText);
      if (curves) {
        seat.cursors ??= curves.cursors();
        for (const points of curves.since(seat.cursors)) this.send(seat, points);
      }
      const lines = log.since(seat.lines);
      if (lines.length > 0) this.send(seat, { type: "log", lines });
      seat.lines = log.total;
    }
  }

  /** Another run has begun: its curves are new to every viewer. */
  restart(): void {
    for (const seat of this.#seats) seat.cursors = undefined;
  }

  #send(seat: Seat, text: string): void {
    if (!this.#seats.has(seat)) return;
    try {
      seat.viewer.send(text);
    } catch {
      this.#seats.delete(seat); // a viewer never ends the training
    }
  }
}

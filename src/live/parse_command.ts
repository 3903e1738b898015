import { RUN_EVENTS } from "../learner/run_interface.ts";
import type { LiveCommand } from "./messages.ts";

/** Maximum length of a command, in characters. */
const MAX_LENGTH = 256;

/**
 * Reads the command of a viewer, which may be anything.
 *
 * @param text JSON: `{"type":"pause"}`, `{"type":"learningRate","value":0.01}`.
 * @throws {TypeError} If it is not a valid command.
 */
export function parseCommand(text: unknown): LiveCommand {
  if (typeof text !== "string" || text.length > MAX_LENGTH) {
    throw new TypeError(`A command must be a text of at most ${MAX_LENGTH} characters`);
  }
  const command = parse(text);
  const { type, value, ...rest } = typeof command === "object" && command !== null
    ? command as Record<string, unknown>
    : {};
  const alone = Object.keys(rest).length === 0;
  const event = RUN_EVENTS.find((event) => event === type);
  if (event && value === undefined && alone) return { type: event };
  if (type === "learningRate" && typeof value === "number" && alone) return { type, value };
  throw new TypeError(`A command must be one of ${RUN_EVENTS.join(", ")} and learningRate`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

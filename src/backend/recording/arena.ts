/**
 * The parts of a playback: the calls that it needs, and the layout of their memory.
 *
 * @module
 */
import type { LinkedCall, Program } from "./match_recordings.ts";
import type { Memory, TensorUse, Uses } from "./recording.ts";

/** Memory that is used from one call to another. */
export interface Lifetime {
  readonly bytes: number;
  /** Index of the first call that uses it. */
  readonly first: number;
  /** Index of the last call that uses it. */
  readonly last: number;
}

/** Places in one block of memory. */
export interface Layout {
  /** The offset of each piece, in bytes. */
  readonly offsets: readonly number[];
  /** Size of the block. */
  readonly bytes: number;
}

/** Offsets are multiples of a line of the cache, as are those of tensors. */
const LINE = 64;

interface Gap {
  start: number;
  end: number;
}

/**
 * Gives each piece a place in one block, so that pieces that are in use at the same time do not
 * overlap: in the order of their first use, each goes to the smallest gap that it fits.
 *
 * A piece is in use until its last call has returned: that call may still read it after it has
 * written its result.
 */
export function layOut(lifetimes: readonly Lifetime[]): Layout {
  const offsets: number[] = new Array(lifetimes.length).fill(0);
  const starts = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[a].first - lifetimes[b].first);
  const ends = starts.toSorted((a, b) => lifetimes[a].last - lifetimes[b].last);
  const gaps: Gap[] = [{ start: 0, end: Infinity }];
  let bytes = 0, freed = 0;
  for (const piece of starts) {
    while (lifetimes[ends[freed]].last < lifetimes[piece].first) {
      const start = offsets[ends[freed]];
      free(gaps, { start, end: start + sizeOf(lifetimes[ends[freed++]]) });
    }
    offsets[piece] = take(gaps, sizeOf(lifetimes[piece]));
    bytes = Math.max(bytes, offsets[piece] + sizeOf(lifetimes[piece]));
  }
  return { offsets, bytes };
}

function sizeOf({ bytes }: Lifetime): number {
  return Math.max(1, Math.ceil(bytes / LINE)) * LINE;
}

function take(gaps: Gap[], bytes: number): number {
  let best = -1;
  for (let i = 0; i < gaps.length; i++) {
    const size = gaps[i].end - gaps[i].start;
    if (size >= bytes && (best < 0 || size < gaps[best].end - gaps[best].start)) best = i;
  }
  const gap = gaps[best], { start } = gap;
  gap.start += bytes;
  if (gap.start === gap.end) gaps.splice(best, 1);
  return start;
}

function free(gaps: Gap[], { start, end }: Gap): void {
  const next = gaps.findIndex((gap) => gap.start >= end);
  const after = gaps[next], before = gaps[next - 1];
  const joinsBefore = before?.end === start, joinsAfter = after.start === end;
  if (joinsBefore && joinsAfter) {
    before.end = after.end;
    gaps.splice(next, 1);
  } else if (joinsBefore) before.end = end;
  else if (joinsAfter) after.start = start;
  else gaps.splice(next, 0, { start, end });
}

/** The memory that a call reads or writes. */
export function memoriesOf(call: LinkedCall): Memory[] {
  switch (call.type) {
    case "kernel":
      return call.args.flatMap((argument) =>
        typeof argument === "number"
          ? []
          : "table" in argument
          ? argument.table.flatMap((field) => typeof field === "number" ? [] : [field.memory])
          : [argument.memory]
      );
    case "linkedStock":
      return call.args.flatMap((argument) =>
        typeof argument === "number" || argument instanceof Uint8Array
          ? []
          : [argument].flat().flatMap((part) => typeof part === "number" ? [] : [part.tensor])
      );
    case "script":
      return [...memoriesIn(call.inputs), ...call.results.filter((result) => result !== undefined)];
    case "random":
      return [call.memory];
    case "scratch":
      return [];
  }
}

function memoriesIn(uses: Uses): Memory[] {
  if (!uses) return [];
  if ("memory" in uses) return [(uses as TensorUse).memory];
  return Object.values(uses).flatMap(memoriesIn);
}

/**
 * The calls without those whose results nothing reads. Kernels that work in JavaScript stay, as they
 * may throw, and so do random draws, as each changes the next.
 */
export function pruneCalls({ calls, operations, outputs, assigned }: Program): LinkedCall[] {
  const callsOf = Map.groupBy(calls, ({ operation }) => operation);
  const needed = new Set<Memory>([
    ...outputs.map(({ memory }) => memory),
    ...assigned.map(({ value }) => value),
  ]);
  const live = new Set<unknown>();
  // An operation comes after the operations that it is made of.
  for (const operation of operations.toReversed()) {
    const own = callsOf.get(operation) ?? [];
    const acts = own.some(({ type }) => type === "script" || type === "random");
    if (!acts && !operation.makes.values().some((memory) => needed.has(memory))) continue;
    live.add(operation);
    for (const memory of operation.reads) needed.add(memory);
    for (const memory of own.flatMap(memoriesOf)) needed.add(memory);
  }
  return calls.filter(({ operation }) => live.has(operation));
}

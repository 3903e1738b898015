/**
 * The program of a step: the calls on which two recordings agree, without those that nothing reads, and
 * the layout of their memory.
 *
 * @module
 */
import type {
  AnyCall,
  Argument,
  Call,
  KernelCall,
  Memory,
  Recording,
  StockCall,
} from "./recording.ts";
import { describe, memoriesIn } from "./step_memory.ts";

/** A call of a kernel of TensorFlow.js whose tensors are known. */
export interface LinkedStockCall {
  readonly type: "linkedStock";
  readonly name: string;
  readonly args: readonly LinkedArgument[];
}

/** A number; the number of a tensor; or an array of both, or of bytes. */
export type LinkedArgument =
  | number
  | { readonly tensor: Memory }
  | readonly (number | { readonly tensor: Memory })[]
  | Uint8Array;

/** A call that can be played back, and the text of its operation. */
export type LinkedCall = (Exclude<AnyCall, StockCall> | LinkedStockCall) & {
  readonly operation: Call["operation"];
};

/** Two recordings that agree, as one. */
export interface Program extends Omit<Recording, "calls"> {
  readonly calls: readonly LinkedCall[];
}

/** A program, or the first difference of two recordings. */
export type MatchResult =
  | { readonly program: Program; readonly difference?: undefined }
  | { readonly program?: undefined; readonly difference: string };

/**
 * Compares two recordings of a step, from the first operation to the last.
 *
 * The step is the common part of two batches; everything else must be an address or the number of a
 * tensor, of the same memory in both.
 */
export function matchRecordings(first: Recording, second: Recording): MatchResult {
  for (let i = 0; i < Math.max(first.operations.length, second.operations.length); i++) {
    const [a, b] = [first, second].map(({ operations }) => operations[i]?.text ?? "nothing");
    if (a !== b) return { difference: `operation ${i} is ${shorten(a)}, then ${shorten(b)}` };
  }
  if (first.calls.length !== second.calls.length) return { difference: "one has more calls" };
  const calls: LinkedCall[] = [];
  for (let i = 0; i < second.calls.length; i++) {
    const call = matchCalls(first.calls[i], second.calls[i]);
    const { text = "an operation" } = second.calls[i].operation ?? {};
    if (!call) return { difference: `${shorten(text)} calls ${first.calls[i].type} differently` };
    calls.push(call);
  }
  const difference = differenceOfEnds(first, second);
  return difference ? { difference } : { program: { ...second, calls } };
}

function differenceOfEnds(first: Recording, second: Recording): string | undefined {
  const ends = ({ inspections, weight, outputs, assigned }: Recording) =>
    [
      `the weight of the loss is ${JSON.stringify(weight)}`,
      inspections.map(({ inputs, decision }) => `inspection of ${describe(inputs)}: ${decision}`),
      outputs.map((output) => `${output.name} is ${describe(output)}`),
      assigned.map(({ variable, value }) => `${variable.name} becomes ${value.name}`),
    ].flat();
  const [a, b] = [ends(first), ends(second)];
  const at = a.length === b.length ? a.findIndex((text, i) => text !== b[i]) : 0;
  return at < 0 ? undefined : `${a[at] ?? "nothing"}, then ${b[at] ?? "nothing"}`;
}

function matchCalls(a: Call, b: Call): LinkedCall | undefined {
  if (a.type === "stock" && b.type === "stock") return matchStock(a, b);
  if (b.type === "stock" || a.type !== b.type) return;
  const same = a.type === "kernel"
    ? sameKernel(a, b as KernelCall)
    : a.type === "script" && b.type === "script"
    ? describe(a.inputs) === describe(b.inputs) && namesOf(a.results) === namesOf(b.results)
    : a.type === "random" && b.type === "random"
    ? a.memory.name === b.memory.name
    : a.type === "scratch" && b.type === "scratch" && a.zeros === b.zeros && a.more === b.more;
  return same ? b : undefined;
}

function sameKernel(a: KernelCall, b: KernelCall): boolean {
  return a.name === b.name && a.args.length === b.args.length &&
    JSON.stringify(a.split) === JSON.stringify(b.split) &&
    a.args.every((argument, i) => sameArgument(argument, b.args[i]));
}

function sameArgument(a: Argument, b: Argument): boolean {
  if (typeof a === "number" || typeof b === "number") return Object.is(a, b);
  if ("table" in a || "table" in b) {
    return "table" in a && "table" in b && a.table.length === b.table.length &&
      a.table.every((value, i) => sameArgument(value, b.table[i]));
  }
  return a.offset === b.offset && sameMemory(a.memory, b.memory);
}

function sameMemory(a: Memory | undefined, b: Memory | undefined): boolean {
  return a !== undefined && b !== undefined && a.name === b.name && a.variable === b.variable;
}

function matchStock(a: StockCall, b: StockCall & Call): LinkedCall | undefined {
  if (a.name !== b.name || a.args.length !== b.args.length) return;
  const tensorOf = (x: number, y: number) => {
    const tensor = b.tensors.get(y);
    // A tensor that was made before the step has the same number in both.
    if (Object.is(x, y)) return tensor?.kind === "held" ? { tensor } : y;
    return sameMemory(a.tensors.get(x), tensor) ? { tensor: tensor! } : undefined;
  };
  const args: LinkedArgument[] = [];
  for (let i = 0; i < b.args.length; i++) {
    const [x, y] = [a.args[i], b.args[i]];
    const linked = typeof x === "number" && typeof y === "number"
      ? tensorOf(x, y)
      : linkArray(x as Uint8Array, y as Uint8Array, tensorOf);
    if (linked === undefined) return;
    args.push(linked);
  }
  return { type: "linkedStock", name: b.name, args, operation: b.operation };
}

/** Arrays hold shapes, or the numbers of tensors. */
function linkArray(
  x: Uint8Array,
  y: Uint8Array,
  tensorOf: (x: number, y: number) => number | { tensor: Memory } | undefined,
): LinkedArgument | undefined {
  if (x.length !== y.length) return;
  const same = x.every((byte, i) => byte === y[i]);
  if (x.length % 4 !== 0) return same ? y : undefined;
  const [first, second] = [x, y].map(({ buffer }) => new Int32Array(buffer));
  const linked = Array.from(second, (value, i) => tensorOf(first[i], value));
  if (same && linked.every((value) => typeof value === "number")) return y;
  return linked.includes(undefined) ? undefined : linked as (number | { tensor: Memory })[];
}

function namesOf(memories: readonly (Memory | undefined)[]): string {
  return memories.map((memory) => memory?.name ?? "an input").join();
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

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

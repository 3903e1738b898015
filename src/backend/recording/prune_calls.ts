import type { LinkedCall, Program } from "./match_recordings.ts";
import type { Memory, TensorUse, Uses } from "./recording.ts";

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

/**
 * Copies of boxes that a recorded step can do without.
 *
 * @module
 */
import { type LinkedCall, memoriesOf } from "./program.ts";
import type { Address, KernelCall, Memory } from "./recording.ts";

/** One axis of a box that is copied: its size, and the distances of neighbours in units. */
interface BoxAxis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** A copy of a box from one piece of memory to another. */
interface BoxCopy {
  readonly axes: readonly BoxAxis[];
  readonly from: Address;
  readonly to: Address;
  /** Size of an element, in bytes. */
  readonly unit: number;
}

/** The copy that a call makes, if it is a copy of a whole box. */
function boxCopyOf(call: LinkedCall): BoxCopy | undefined {
  if (call.type !== "kernel" || call.name !== "copyBox") return;
  const [box, from, to, unit, first, last] = call.args as [
    ...[{ table: number[] }, Address, Address, number, number, number],
  ];
  const { table } = box;
  if (!table || !from.memory || !to.memory || first !== 0 || last !== table[1]) return;
  const axes = Array.from({ length: table[0] }, (_, i) => {
    const [size, from, to] = table.slice(1 + 3 * i, 4 + 3 * i);
    return { size, from, to };
  });
  return { axes, from, to, unit };
}

/** The axes of a copy by which it fills its target from end to end, the outermost first. */
function axesOfWhole({ axes, to, unit }: BoxCopy): BoxAxis[] | undefined {
  const sorted = axes.toSorted((a, b) => b.to - a.to);
  let step = 1;
  for (const axis of sorted.toReversed()) {
    if (axis.to !== step) return;
    step *= axis.size;
  }
  return to.offset === 0 && step * unit === to.memory.bytes ? sorted : undefined;
}

/**
 * Joins two copies, the second of which reads the result of the first.
 *
 * @param whole The axes of the first, which are the digits of each place in its result.
 * @returns The axes by which the second reads the source of the first, and the first place there;
 *   `undefined` if it would need a table of places.
 */
function joinCopies(
  whole: readonly BoxAxis[],
  second: BoxCopy,
): { axes: BoxAxis[]; start: number } | undefined {
  const axes: BoxAxis[] = [];
  /** The largest index of each axis of the first. */
  const most = whole.map(() => 0);
  let start = 0, place = second.from.offset / second.unit;
  whole.forEach(({ to, from }, i) => {
    most[i] = Math.floor(place / to);
    start += most[i] * from;
    place %= to;
  });
  if (place !== 0) return;
  for (const axis of second.axes) {
    const inner: BoxAxis[] = [];
    for (let { size, from, to } = axis; size > 1 || inner.length === 0;) {
      const digit = whole.findIndex((axis) => axis.to <= from);
      if (digit < 0 || from % whole[digit].to !== 0) return;
      const step = from / whole[digit].to, room = Math.floor(whole[digit].size / step);
      // An axis that continues in the next digit is two axes.
      const part = size > room ? room : size;
      if (
        part < Math.min(2, size) || size % part !== 0 ||
        part < size && part * step !== whole[digit].size
      ) return;
      most[digit] += (part - 1) * step;
      inner.unshift({ size: part, from: step * whole[digit].from, to });
      size /= part;
      from *= part;
      to *= part;
    }
    axes.push(...inner);
  }
  return most.every((index, i) => index < whole[i].size) ? { axes, start } : undefined;
}

/**
 * Leaves out copies whose results only other copies read, such as a part of a tensor that is transposed:
 * those read the source itself.
 *
 * @param calls The calls.
 * @param leftBehind The memory that the step leaves behind.
 */
export function pruneCopies(
  calls: readonly LinkedCall[],
  leftBehind: ReadonlySet<Memory>,
): LinkedCall[] {
  const uses = new Map<Memory, number[]>();
  calls.forEach((call, at) => {
    for (const memory of new Set(memoriesOf(call))) {
      const all = uses.get(memory);
      if (all) all.push(at);
      else uses.set(memory, [at]);
    }
  });
  const left: (LinkedCall | undefined)[] = [...calls];
  for (let at = 0; at < calls.length; at++) {
    const copy = left[at] && boxCopyOf(left[at]!);
    const whole = copy && axesOfWhole(copy);
    if (!whole || copy.to.memory.kind !== "result" || leftBehind.has(copy.to.memory)) continue;
    const [first, ...readers] = uses.get(copy.to.memory)!;
    const joined = readers.map((reader) => {
      const second = boxCopyOf(left[reader]!);
      const isReader = second?.from.memory === copy.to.memory && second.unit === copy.unit &&
        second.to.memory !== copy.to.memory;
      const found = isReader ? joinCopies(whole, second) : undefined;
      return found && joinedCall(left[reader] as KernelCall & LinkedCall, copy, found);
    });
    if (first !== at || joined.includes(undefined)) continue;
    readers.forEach((reader, i) => left[reader] = joined[i]);
    left[at] = undefined;
  }
  return left.filter((call) => call !== undefined);
}

function joinedCall(
  call: KernelCall & LinkedCall,
  { from, unit }: BoxCopy,
  { axes, start }: { axes: readonly BoxAxis[]; start: number },
): LinkedCall {
  const [, , ...others] = call.args;
  others[3] = axes[0].size;
  const table = [axes.length, ...axes.flatMap(({ size, from, to }) => [size, from, to])];
  const source = { memory: from.memory, offset: from.offset + start * unit };
  return { ...call, args: [{ table }, source, ...others] };
}

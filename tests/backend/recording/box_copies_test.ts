import { assert, assertEquals } from "@std/assert";
import { pruneCopies } from "../../../src/backend/recording/box_copies.ts";
import type { LinkedCall } from "../../../src/backend/recording/program.ts";
import type { Memory } from "../../../src/backend/recording/recording.ts";
import { keyedRandom } from "../../../src/random/random_numbers.ts";

function memory(kind: Memory["kind"], name: string, size: number): Memory {
  return { kind, name, shape: [size], dtype: "float32", bytes: 4 * size };
}

/** A box: the sizes of its axes, and the distances of neighbours in source and target. */
interface Box {
  sizes: number[];
  from: number[];
  to: number[];
}

function copyCall(source: Memory, start: number, target: Memory, box: Box): LinkedCall {
  const axes = box.sizes.map((size, i) => ({ size, from: box.from[i], to: box.to[i] }))
    .sort((a, b) => b.to - a.to);
  const table = [axes.length, ...axes.flatMap(({ size, from, to }) => [size, from, to])];
  return {
    type: "kernel",
    name: "copyBox",
    args: [
      { table },
      { memory: source, offset: 4 * start },
      { memory: target, offset: 0 },
      ...[4, 0, axes[0].size, 0],
    ],
    operation: { text: "", reads: new Set(), makes: new Set() },
  };
}

/** Makes the copies of calls, as the kernel does. */
function run(calls: readonly LinkedCall[], elements: Map<Memory, number[]>): void {
  for (const call of calls) {
    // deno-lint-ignore no-explicit-any -- a copy of this test
    const [{ table }, from, to] = (call as any).args;
    const source = elements.get(from.memory)!;
    if (!elements.has(to.memory)) elements.set(to.memory, Array(to.memory.bytes / 4).fill(NaN));
    const target = elements.get(to.memory)!;
    const copy = (axis: number, read: number, write: number) => {
      if (axis === table[0]) return void (target[write] = source[read]);
      const [size, step, stride] = table.slice(1 + 3 * axis, 4 + 3 * axis);
      for (let i = 0; i < size; i++) copy(axis + 1, read + i * step, write + i * stride);
    };
    copy(0, from.offset / 4, to.offset / 4);
  }
}

function stridesOf(sizes: number[]): number[] {
  return sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * b, 1));
}

Deno.test("pruneCopies() lets copies of copies read the source, with the same result", () => {
  let joined = 0;
  for (let seed = 0; seed < 500; seed++) {
    const random = keyedRandom(seed, 0);
    const number = (below: number) => Math.floor(random() * below);
    const shuffled = (length: number) => {
      const order = Array.from({ length }, (_, i) => i);
      return order.sort(() => random() - 0.5);
    };
    const product = (sizes: number[]) => sizes.reduce((a, b) => a * b, 1);
    // A part of the source in another order of axes; sometimes repeated.
    const shape = Array.from({ length: 1 + number(4) }, () => 2 + number(4));
    const sizes = shape.map((size) => 1 + number(size));
    const begin = shape.map((size, i) => number(size - sizes[i] + 1));
    const strides = stridesOf(shape), order = shuffled(shape.length);
    const start = begin.reduce((sum, at, i) => sum + at * strides[i], 0);
    const first = order.map((axis) => sizes[axis]);
    const isRepeated = random() < 0.2;
    const from = order.map((axis, i) => isRepeated && i === 0 ? 0 : strides[axis]);
    const source = memory("input", "source", product(shape));
    const part = memory("result", "part", product(first));
    const calls = [copyCall(source, start, part, { sizes: first, from, to: stridesOf(first) })];
    // Reshaped, and in another order again, by one or two readers.
    const targets: Memory[] = [];
    for (let reader = 0; reader <= number(2); reader++) {
      let left = product(first);
      const shape: number[] = [];
      while (left > 1) {
        const divisors = Array.from({ length: left }, (_, i) => i + 1).filter((n) =>
          left % n === 0
        );
        const size = divisors[1 + number(divisors.length - 1)];
        shape.push(size);
        left /= size;
      }
      if (shape.length === 0) shape.push(1);
      const strides = stridesOf(shape), order = shuffled(shape.length);
      const skip = random() < 0.5 ? number(shape[0]) : 0, end = skip && number(shape[0] - skip);
      const taken = shape.map((size, axis) => axis === 0 ? size - skip - end : size);
      const sizes = order.map((axis) => taken[axis]);
      const target = memory("result", `target ${reader}`, product(sizes));
      targets.push(target);
      calls.push(copyCall(part, skip * strides[0], target, {
        sizes,
        from: order.map((axis) => strides[axis]),
        to: stridesOf(sizes),
      }));
    }
    const leftBehind = new Set(targets);
    const pruned = pruneCopies(calls, leftBehind);
    if (pruned.length < calls.length) joined++;
    const [before, after] = [calls, pruned].map((calls) => {
      const elements = new Map([[source, Array.from({ length: product(shape) }, (_, i) => i)]]);
      run(calls, elements);
      return targets.map((target) => elements.get(target));
    });
    assertEquals(after, before, `seed ${seed}`);
    // A part that the step leaves behind, or that another call reads, stays.
    assertEquals(pruneCopies(calls, new Set([...leftBehind, part])), calls);
    const reads: LinkedCall = {
      type: "kernel",
      name: "unary",
      args: [0, { memory: part, offset: 0 }],
      operation: { text: "", reads: new Set(), makes: new Set() },
    };
    assertEquals(pruneCopies([...calls, reads], leftBehind), [...calls, reads]);
  }
  assert(joined > 150, `${joined} were joined`);
});

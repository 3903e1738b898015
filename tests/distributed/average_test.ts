import { assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { average, SMALL } from "../../src/distributed/average.ts";
import type { World } from "../../src/distributed/world.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

/** The sum with another rank, whose values are twice those of this one. */
const reduce: World["reduce"] = (values) => {
  for (let index = 0; index < values.length; index++) values[index] *= 3;
};
const world = { reduce } as World;

const values = (tensors: tf.Tensor[]) => tensors.map((tensor) => [...tensor.dataSync()]);

/** Sizes of tensors that travel together, and of tensors with a message of their own. */
const sizes = [2, SMALL - 1, SMALL, SMALL + 3];

testOnBackends("average() changes tensors with memory of their own in place, and no others", () => {
  const make = () => sizes.map((size) => tf.range(0, size));
  const [sole, shared, twice] = [make(), make(), make()];
  const clones = shared.map((tensor) => tensor.clone());
  const means = average(world, [...sole, ...shared, ...twice, ...twice], 0.5);
  const expected = sizes.map((size) => Array.from({ length: size }, (_, i) => 1.5 * i));
  assertEquals(values(means), [...expected, ...expected, ...expected, ...expected]);
  assertEquals(values([...clones, ...shared]), [...values(make()), ...values(make())]);
  assertEquals(means.map((mean, i) => mean === sole[i]), means.map((_, i) => i < sizes.length));
  tf.dispose([sole, shared, clones, twice, means]);
});

testOnBackends("average() sends all small tensors in one message", () => {
  const lengths: number[] = [];
  const counting = { reduce: ({ length }) => void lengths.push(length) } as World;
  tf.dispose(average(counting, [...sizes, ...sizes].map((size) => tf.zeros([size])), 1));
  assertEquals(lengths, [2 * (2 + SMALL - 1), SMALL, SMALL + 3, SMALL, SMALL + 3]);
});

testOnBackends("average() finds the memory of tensors in a heap that has grown", () => {
  const small = tf.tensor1d([1, 2]);
  const large = Array.from({ length: 24 }, () => tf.ones([2 ** 20]));
  // Clones share the memory, so that the mean is a new tensor.
  const clones = large.map((tensor) => tensor.clone());
  const means = average(world, [small, ...large], 0.5);
  assertEquals(values(means).map(([first]) => first), Array(25).fill(1.5));
  tf.dispose([small, large, clones, means]);
});

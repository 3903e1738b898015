import { assertEquals } from "@std/assert";
import { tf } from "../mod.ts";
import { average } from "../src/distributed/average.ts";
import type { World } from "../src/distributed/world.ts";
import { testOnBackends } from "./on_backends.ts";

/** Another process that has twice of everything, of which each of the two counts one half. */
const reduce: World["reduce"] = (values) => {
  for (let index = 0; index < values.length; index++) values[index] *= 3;
};
const world = { reduce } as World;

const values = (tensors: tf.Tensor[]) => tensors.map((tensor) => [...tensor.dataSync()]);

testOnBackends("average() changes what nobody else sees in place, and nothing else", () => {
  const sole = tf.tensor1d([1, 2]);
  const shared = tf.tensor1d([1, 2]);
  const clone = shared.clone();
  const twice = tf.tensor1d([1, 2]);
  const means = average(world, [sole, shared, twice, twice], 0.5);
  assertEquals(values(means), Array(4).fill([1.5, 3]));
  assertEquals(values([clone, shared]), [[1, 2], [1, 2]]);
  assertEquals(means[0] === sole, true);
  tf.dispose([sole, shared, clone, twice, means]);
});

testOnBackends("average() finds the memory of a heap that has grown", () => {
  const small = tf.tensor1d([1, 2]);
  const large = Array.from({ length: 24 }, () => tf.ones([2 ** 20]));
  assertEquals(
    values(average(world, [small, ...large], 0.5)).map(([first]) => first),
    Array(25).fill(1.5),
  );
  tf.dispose([small, large]);
});

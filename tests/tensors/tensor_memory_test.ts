import { assertEquals, assertThrows } from "@std/assert";
import { tf } from "../../mod.ts";
import {
  inspectElements,
  isSole,
  memoryOf,
  noteWeight,
  observeInspections,
  writeTensor,
} from "../../src/tensors/tensor_memory.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

testOnBackends("memoryOf() is the tensor itself: what is written there, operations read", () => {
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const tensor = tf.tensor([1, 0, 1], [3], dtype).mul(tf.tensor([1, 1, 1], [3], dtype));
    memoryOf(tensor)![1] = 1;
    assertEquals([...tensor.dataSync()], [1, 1, 1]);
    assertEquals(tensor.sum().dataSync()[0], 3);
  }
});

testOnBackends("memoryOf() refuses memory of another size than the tensor's", () => {
  const tensor = tf.tensor1d([1, 2, 3]);
  Object.defineProperty(tensor, "size", { value: 4 });
  assertThrows(() => memoryOf(tensor), Error, "it must hold 4 elements: current value is 3");
});

testOnBackends("isSole() is false while a clone shares the memory", () => {
  const tensor = tf.tensor1d([1, 2]);
  assertEquals(isSole(tensor), true);
  const clone = tensor.clone();
  assertEquals(isSole(tensor), false);
  clone.dispose();
  assertEquals(isSole(tensor), true);
});

testOnBackends("writeTensor() makes a tensor of what is written", () => {
  const tensor = writeTensor([2, 2], "int32", (elements) => elements.set([1, 2, 3, 4]));
  assertEquals([tensor.dtype, tensor.shape], ["int32", [2, 2]]);
  assertEquals(tensor.arraySync(), [[1, 2], [3, 4]]);
});

testOnBackends(
  "inspectElements() passes an observer what it looks at, and returns its facts",
  () => {
    const labels = tf.tensor1d([0, 2, 1], "int32");
    const largest = () =>
      inspectElements([labels], ([elements]) => ({ decision: Math.max(...elements) }));
    assertEquals(largest(), { decision: 2 });
    let seen: readonly tf.Tensor[] = [];
    const weighed: unknown[] = [];
    const before = observeInspections({
      inspects(tensors, _inspect, work) {
        seen = tensors;
        return work();
      },
      weighs: (loss, weight) => weighed.push([loss.id, weight]),
    });
    try {
      assertEquals(largest(), { decision: 2 });
      assertEquals(seen[0].id, labels.id);
      noteWeight(labels, 3);
      assertEquals(weighed, [[labels.id, 3]]);
    } finally {
      observeInspections(before);
    }
  },
);

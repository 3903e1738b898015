import { assertEquals, assertThrows } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import {
  cloneTensor,
  inspectElements,
  isSole,
  memoryOf,
  noteWeight,
  observeInspections,
  writeTensor,
} from "../../src/tensors/tensor_memory.ts";
import { joinPredictions } from "../../src/learner/predict.ts";
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

testOnBackends("cloneTensor() shares elements, and outlives the original", () => {
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const tensor = tf.tensor([1, 0], [2, 1], dtype), clone = cloneTensor(tensor);
    assertEquals([isSole(tensor), isSole(clone)], [false, false]);
    tensor.dispose();
    assertEquals([clone.dtype, clone.shape, isSole(clone)], [dtype, [2, 1], true]);
    assertEquals([...clone.dataSync()], [1, 0]);
    clone.dispose();
    assertThrows(() => cloneTensor(clone), Error, "disposed");
  }
  const text = cloneTensor(tf.tensor(["a"]));
  assertEquals(text.dataSync<"string">(), ["a"]);
});

testOnBackends("cloneTensor() is part of a gradient, and keeps the value of a variable", () => {
  const slope = tf.grad((x) => cloneTensor(x).square().sum())(tf.tensor1d([3]));
  assertEquals([...slope.dataSync()], [6]);
  const variable = tf.variable(tf.scalar(1)), clone = cloneTensor(variable);
  variable.assign(tf.scalar(2));
  assertEquals([...clone.dataSync(), ...variable.dataSync()], [1, 2]);
  variable.dispose();
});

Deno.test("cloneTensor() moves a tensor of another backend", {
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  await tf.setBackend("cpu");
  const tensor = tf.tensor1d([1, 2]), { numTensors } = tf.memory();
  await selectBackend({ prefer: "wasm", quiet: true });
  const clone = cloneTensor(tensor);
  assertEquals([isSole(tensor), tf.memory().numTensors], [false, numTensors + 1]);
  tensor.dispose();
  assertEquals([...clone.dataSync()], [1, 2]);
  clone.dispose();
  assertEquals(tf.memory().numTensors, numTensors - 1);
  await tf.setBackend("cpu");
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

testOnBackends("joinPredictions() joins rows of every type, as tf.concat() does", () => {
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const parts = [2, 1, 3].map((rows) =>
      tf.tensor(Array.from({ length: rows * 2 }, (_, i) => i % 2), [rows, 2], dtype)
    );
    const expected = tf.concat(parts, 0);
    const joined = joinPredictions<tf.Tensor>([...parts]);
    assertEquals([joined.dtype, joined.shape], [dtype, [6, 2]]);
    assertEquals([...joined.dataSync()], [...expected.dataSync()]);
    assertEquals(parts.every(({ isDisposed }) => isDisposed), true);
  }
  const unlike = [tf.zeros([1, 2]), tf.zeros([1, 3])];
  assertThrows(() => joinPredictions(unlike), Error, "shape");
  const mixed = joinPredictions<tf.Tensor>([tf.tensor1d([1.5]), tf.tensor1d([2], "int32")]);
  assertEquals([mixed.dtype, ...mixed.dataSync()], ["float32", 1.5, 2]);
});

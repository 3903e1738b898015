import { assert, assertEquals, assertThrows } from "@std/assert";
import { Learner, sgd, split, subset, tf } from "../../mod.ts";
import { csvDataset, parseCsv } from "../../data.ts";
import { toBatch } from "../../src/data/loader.ts";

const numbers = { length: 4, batch: (indices: Int32Array) => indices };

Deno.test("toBatch() accepts pairs and records, and predict() also batches without labels", () => {
  const before = tf.memory().numTensors;
  const [data, labels] = [tf.ones([3, 2]), tf.zeros([3])];
  const origin = { loader: "train", index: 0 };
  const batches = [[data, labels], { data, labels }, { x: data, y: labels }, {
    xs: data,
    ys: labels,
  }];
  for (const batch of batches) assertEquals(toBatch(batch, origin), { data, labels, size: 3 });
  for (const batch of [{ data }, { x: data }, { xs: data }, data]) {
    assertThrows(
      () => toBatch(batch, origin),
      TypeError,
      "{ data, labels }, { x, y } or { xs, ys }",
    );
    const { data: found, size } = toBatch(batch, { ...origin, loader: "predict" });
    assert(found === data);
    assertEquals(size, 3);
  }
  tf.dispose([data, labels]);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("Learner.train() disposes batches { x, y }", async () => {
  const before = tf.memory().numTensors;
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const optimizer = sgd(0.1);
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: tf.losses.meanSquaredError,
    dataloaders: {
      *train() {
        yield { x: tf.ones([2, 1]), y: tf.ones([2, 1]) };
      },
    },
  });
  assertEquals((await learner.train()).status, "completed");
  model.dispose();
  optimizer.dispose();
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("functions of datasets refuse unknown options", () => {
  const table = parseCsv("a,b\n1,2\n");
  const refusals: [() => unknown, string][] = [
    [() => split(numbers, [1], { sead: 1 } as never), 'did you mean "seed"?'],
    [() => subset(numbers, { begin: 1 } as never), 'there is no "begin"'],
    [() => parseCsv("a", { delimeter: ";" } as never), 'did you mean "delimiter"?'],
    [
      () => csvDataset(table, { data: ["a"], labels: "b", label: "b" } as never),
      'did you mean "labels"?',
    ],
    [
      () => csvDataset(table, { data: "a" as never, labels: "b" }),
      'data must be names of columns: current value is "a"',
    ],
    [
      () => csvDataset(table, { data: ["a"], labels: "b", labelType: "int" as never }),
      'labelType must be "float32" or "int32": current value is "int"',
    ],
  ];
  for (const [call, message] of refusals) assertThrows(call, TypeError, message);
});

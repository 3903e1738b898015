import { assert, assertGreater, assertLess } from "@std/assert";
import { readMail, trainSpamFilter } from "../examples/imbalanced.ts";
import { fitPenguins } from "../examples/regression.ts";
import { selectBackend, tf } from "../mod.ts";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

Deno.test("the regression example weighs penguins, and draws them", { ignore }, async () => {
  await selectBackend({ prefer: "cpu", quiet: true });
  const before = tf.memory().numTensors;
  const { metrics, history, scatter } = await fitPenguins({ epochs: 40 });
  assertGreater(metrics["test.r2"], 0.8);
  assertLess(metrics["test.error, kg"], 0.3);
  assert((await scatter.svg()).includes("actual mass, kg"));
  assert((await history.svg()).includes("error, kg"));
  assert(tf.memory().numTensors === before, "tensors are left");
});

Deno.test("the imbalanced example finds more spam with class weights", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  const mail = readMail(1200);
  const even = await trainSpamFilter(mail, { epochs: 6 });
  const weighted = await trainSpamFilter(mail, { epochs: 6, spamWeight: 8 });
  assertGreater(weighted["test.recall"], even["test.recall"]);
  assertGreater(weighted["test.rocAuc"], 0.9);
  assert(tf.memory().numTensors === before, "tensors are left");
});

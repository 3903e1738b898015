import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { readMail, trainSpamFilter } from "../../examples/imbalanced.ts";
import { mnistFolder } from "../../examples/mnist/mnist_folder.ts";
import { compare, readImages } from "../../examples/one_cycle.ts";
import { fitPenguins } from "../../examples/regression.ts";
import { selectBackend, tf } from "../../mod.ts";

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
  const mail = readMail(1000);
  const even = await trainSpamFilter(mail, { epochs: 6 });
  const weighted = await trainSpamFilter(mail, { epochs: 6, spamWeight: 8 });
  assertGreater(weighted["test.recall"], even["test.recall"]);
  assertGreater(weighted["test.rocAuc"], 0.9);
  assert(tf.memory().numTensors === before, "tensors are left");
});

Deno.test("the one-cycle example beats the constant rate that the finder suggests", {
  ignore,
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  const images = await readImages(await mnistFolder(), 6000);
  const { learningRate, constant, oneCycle, search } = await compare(images, {
    seed: 1,
    epochs: 3,
  });
  assertGreater(oneCycle, constant);
  assertGreater(oneCycle, 0.92);
  assert((await search.svg()).includes(`valley ${learningRate.toPrecision(2)}`));
  assert(tf.memory().numTensors === before, "tensors are left");
});

Deno.test("the one-cycle example prints a row for each seed", { ignore }, async () => {
  if ((await Deno.permissions.query({ name: "run" })).state !== "granted") return;
  const picture = await Deno.makeTempFile({ suffix: ".svg" });
  const { code, stdout, stderr } = await example(
    "one_cycle.ts",
    ...["--limit", "640", "--epochs", "1", "--seeds", "2", "--picture", picture],
  );
  assertEquals(code, 0, stderr);
  const [title, head, ...rows] = stdout.trimEnd().split("\n");
  assertEquals(title, "test accuracy, epochs of each training: 1");
  assertEquals(head, "seed  rate found  constant rate  one cycle");
  assertEquals(rows.map((row) => row.trim().split(/ +/).length), [4, 4]);
  assert((await Deno.readTextFile(picture)).startsWith("<svg"));
  await Deno.remove(picture);
});

/** Runs an example as a user does. */
async function example(name: string, ...options: string[]) {
  const path = new URL(`../../examples/${name}`, import.meta.url).pathname;
  const { code, ...output } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", path, ...options],
    env: { NO_COLOR: "1" },
  }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((b) => new TextDecoder().decode(b));
  return { code, stdout, stderr };
}

/** All that the page of the MNIST example shows. */
const SECTIONS = [
  ...["Results", "Settings", "Training", "Learning rate", "Confusion matrix", "Activations"],
  ...["Model", "Time"],
].map((title) => `<h2>${title}</h2>`);

Deno.test("the MNIST example writes a report", { ignore }, async () => {
  if ((await Deno.permissions.query({ name: "run" })).state !== "granted") return;
  const report = await Deno.makeTempFile({ suffix: ".html" });
  const { code, stderr } = await example(
    "mnist.ts",
    ...["--model", "mlp", "--limit", "600", "--epochs", "1", "--report", report],
  );
  assertEquals(code, 0, stderr);
  const page = await Deno.readTextFile(report);
  for (const part of ["<h1>MNIST, mlp</h1>", ...SECTIONS]) {
    assert(page.includes(part), `${part} is missing`);
  }
  await Deno.remove(report);
});

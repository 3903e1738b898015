/**
 * The start of oneDNN, and the first call of each operation on a shape beyond a later one, in ms of
 * CPU time: medians over processes.
 *
 * With `DNNL_VERBOSE=2` the library prints its own share: the time of `create` lines.
 *
 * ```sh
 * deno task bench:native
 * deno task bench:native --rounds 3 --threads 2 --json
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { selectBackend, tf } from "../../mod.ts";
import { median } from "./median.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "1" },
    once: { type: "boolean", default: false },
  },
});

type Times = Record<string, number>;

/** CPU time of this process, in ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** An operation on a batch of any size. */
type Operation = (batch: number) => () => tf.Tensor;

const random = (...shape: number[]) => tf.randomNormal(shape);

const convolution = (pass: "forward" | "input" | "filter"): Operation => (batch) => {
  const [x, filter] = [random(batch, 28, 28, 16), random(3, 3, 16, 32)];
  const dy = random(batch, 28, 28, 32);
  const attributes = { strides: 1, pad: "same", dataFormat: "NHWC", dilations: 1 };
  const run = (name: string, inputs: Record<string, tf.Tensor>, more = {}) =>
    tf.engine().runKernel(name, inputs, { ...attributes, ...more }) as tf.Tensor;
  return {
    forward: () => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"),
    input: () => run("Conv2DBackpropInput", { dy, filter }, { inputShape: x.shape }),
    filter: () => run("Conv2DBackpropFilter", { x, dy }, { filterShape: filter.shape }),
  }[pass];
};

const OPERATIONS: Record<string, Operation> = {
  "product": (batch) => {
    const [a, b] = [random(batch, 784), random(784, 256)];
    return () => tf.matMul(a, b);
  },
  "large product": (batch) => {
    const [a, b] = [random(8 * batch, 512), random(512, 1024)];
    return () => tf.matMul(a, b);
  },
  "product of a transposed matrix": (batch) => {
    const [a, b] = [random(batch, 784), random(batch, 256)];
    return () => tf.matMul(a, b, true);
  },
  "products of a batch": (batch) => {
    const [a, b] = [random(batch, 64, 32), random(batch, 32, 64)];
    return () => tf.matMul(a, b);
  },
  "softmax": (batch) => {
    const logits = random(8 * batch, 128);
    return () => tf.softmax(logits);
  },
  "convolution": convolution("forward"),
  "gradient of its input": convolution("input"),
  "gradient of its filter": convolution("filter"),
  "gradient of a maximum": (batch) => {
    const dy = random(batch, 14, 14, 16), x = random(batch, 28, 28, 16) as tf.Tensor4D;
    const slope = tf.grad((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "same"));
    return () => slope(x, dy);
  },
};

/** Number of new shapes of each operation, and of later calls. */
const SHAPES = 7;

/** Measures this process. */
async function measure(): Promise<Times> {
  const threads = Number(values.threads), times: Times = {};
  const timed = (run: () => tf.Tensor) => {
    const began = cpu();
    run().dispose();
    return cpu() - began;
  };
  await selectBackend({ prefer: "wasm", quiet: true, threads });
  // Every choice of a backend repeats this: it is no part of the start.
  let began = cpu();
  await selectBackend({ prefer: "wasm", quiet: true, threads });
  const again = cpu() - began;
  // Compiled by the engine, so that what remains is the library's.
  for (const prepare of Object.values(OPERATIONS)) prepare(16)().dispose();
  began = cpu();
  await selectBackend({ native: "onednn", quiet: true, threads });
  times["start"] = cpu() - began - again;
  for (const [name, prepare] of Object.entries(OPERATIONS)) {
    const over: number[] = [];
    for (let i = 0; i < SHAPES; i++) {
      const run = prepare(33 + i);
      // The heap grows now, if it must.
      await selectBackend({ prefer: "wasm", quiet: true, threads });
      run().dispose();
      await selectBackend({ native: "onednn", quiet: true, threads });
      const first = timed(run);
      over.push(first - median(Array.from({ length: 5 }, () => timed(run))));
    }
    times[`${name}: first of all`] = over[0];
    times[`${name}: new shape`] = median(over.slice(1));
    tf.disposeVariables();
  }
  return times;
}

if (values.once) console.log(JSON.stringify(await measure()));
else {
  const all: Times[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const args = ["run", "-A", "--no-lock", import.meta.url, "--once", "--threads", values.threads];
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args,
      env: { NO_COLOR: "1" },
      stderr: "inherit",
    }).output();
    if (!success) Deno.exit(1);
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    all.push(JSON.parse(lines.at(-1)!));
  }
  const rows = Object.keys(all[0]).map((what) => ({
    what,
    ms: Number(median(all.map((times) => times[what])).toFixed(2)),
  }));
  if (values.json) console.log(JSON.stringify({ rounds: Number(values.rounds), rows }));
  else console.table(rows);
}

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { selectBackend } from "../../mod.ts";

const granted = (await Promise.all([
  Deno.permissions.query({ name: "read" }),
  Deno.permissions.query({ name: "run" }),
])).every(({ state }) => state === "granted");

const root = new URL("../../", import.meta.url).href;

/** Trains a small network of many kinds of layers for some steps; prints checksums of its weights. */
const training = `
  const layers = [
    tf.layers.conv2d({ inputShape: [17, 17, 3], filters: 24, kernelSize: 3, activation: "relu" }),
    tf.layers.conv2d({ filters: 24, kernelSize: 3, padding: "same", activation: "relu" }),
    tf.layers.depthwiseConv2d({ kernelSize: 3, padding: "same" }),
    tf.layers.conv2d({ filters: 24, kernelSize: [1, 3], padding: "same" }),
    tf.layers.conv2d({ filters: 24, kernelSize: 3, strides: 2, padding: "same" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.upSampling2d({ size: [2, 2], interpolation: "bilinear" }),
    tf.layers.conv2d({ filters: 2, kernelSize: 3, padding: "same" }),
    tf.layers.conv2d({ filters: 19, kernelSize: 2, strides: 2, activation: "relu" }),
    tf.layers.batchNormalization(),
    tf.layers.flatten(),
    tf.layers.dense({ units: 301, activation: "gelu" }),
    tf.layers.layerNormalization(),
    tf.layers.reshape({ targetShape: [7, 43] }),
    tf.layers.lstm({ units: 33, returnSequences: true }),
    tf.layers.gru({ units: 29, returnSequences: true }),
    tf.layers.simpleRNN({ units: 53 }),
    tf.layers.softmax(),
    tf.layers.dense({ units: 10 }),
  ];
  const model = tf.sequential({ layers });
  model.setWeights(model.getWeights().map(({ shape, size }, i) =>
    tf.tensor(Array.from({ length: size }, (_, j) => Math.cos(i + j) * 0.1), shape)));
  const x = tf.tensor(Array.from({ length: 32 * 867 }, (_, i) => Math.sin(i * i)), [32, 17, 17, 3]);
  const y = tf.range(0, 32, 1, "int32").mod(tf.scalar(10, "int32"));
  const optimizer = adam(1e-3);
  for (let i = 0; i < 5; i++) optimizer.minimize(() => crossEntropy(model.apply(x, { training: true }), y));
  const [a, b] = [[50, 33, 17], [50, 17, 29]].map((shape) => tf.range(0, 50 * shape[1] * shape[2]).sin().reshape(shape));
  const big = tf.range(0, 7 * 701 * 71).sin().reshape([7 * 701, 71]);
  const sums = [...model.getWeights(), tf.matMul(a, b), tf.matMul(a, b.slice(0, 1)), big.sum(), big.mean(0), big.reshape([7, 701, 71]).sum(1)].map((weight) =>
    new Int32Array(weight.dataSync().buffer).reduce((sum, bits) => (sum * 31 + bits) | 0, 0));
  console.log(sums.join());
`;

/** Runs code in another process, which is killed if it hangs. */
async function run(code: string): Promise<{ out: string; err: string; ended: boolean }> {
  const source =
    `import { adam, crossEntropy, rmsprop, selectBackend, sgd, tf } from "${root}mod.ts"; ${code}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--quiet", "--allow-read", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  let ended = true;
  const timer = setTimeout(() => {
    ended = false;
    child.kill();
  }, 60_000);
  const { stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { out: decode(stdout), err: decode(stderr), ended };
}

/** Element-wise functions and their gradients, of tensors so large that threads share them. */
const elements = `
  const x = tf.tensor(Float32Array.from({ length: 300007 }, (_, i) => Math.sin(i * 1.3) * 4));
  const row = tf.tensor(Float32Array.from({ length: 331 }, (_, i) => Math.cos(i) * 3 + 0.1));
  const matrix = (x) => x.slice(0, 900 * 331).reshape([900, 331]);
  const cube = (x) => x.slice(0, 260 * 30 * 31).reshape([260, 30, 31]), middle = row.slice(0, 260).reshape([260, 1, 1]);
  const functions = {
    ...{ sigmoid: tf.sigmoid, tanh: tf.tanh, exp: tf.exp, sqrt: (x) => x.abs().sqrt(), selu: tf.selu },
    ...{ softplus: tf.softplus, erf: tf.erf, clip: (x) => x.clipByValue(-1, 1), pow: (x) => x.abs().pow(2.5) },
    whole: (x) => x.div(x.square().add(1)), number: (x) => x.maximum(0.5).sub(0.1),
    row: (x) => matrix(x).div(row), column: (x) => matrix(x).squaredDifference(matrix(x).slice([0, 0], [900, 1])),
    middle: (x) => cube(x).minimum(middle), compare: (x) => x.greater(0.5).toFloat(),
    where: (x) => tf.where(x.greater(0), x, x.square()), prelu: (x) => tf.prelu(matrix(x), row),
    relu: tf.relu, relu6: tf.relu6,
    gate: (x) => cube(x).mul(cube(x).sum([1], true)), scale: (x) => matrix(x).mul(matrix(x).max(1, true)),
    rows: (x) => matrix(x).sum(1).add(matrix(x).max(1)), between: (x) => cube(x).mean(1).add(cube(x).min(1)),
    flags: (x) => cube(x.tile([2])).greater(-3).all(1).toFloat().add(cube(x).prod(2).mean()),
  };
  for (const [name, f] of Object.entries(functions)) {
    const { value, grad } = tf.valueAndGrad((x) => f(x).add(x.sum().mul(0)).sum())(x);
    for (const y of [f(x), grad]) {
      const bits = new Int32Array(y.dataSync().buffer);
      console.log(name, y.shape.join(), bits.reduce((sum, bits) => (sum * 31 + bits) | 0, 0));
    }
  }
  for (const optimizer of [adam(0.1), sgd(0.1, { momentum: 0.5 }), rmsprop(0.1)]) {
    const variables = [row, x, row, x].map((value) => tf.variable(value));
    for (let step = 0; step < 2; step++) {
      optimizer.applyGradients(Object.fromEntries(variables.map((v) => [v.name, v.sin()])));
    }
    for (const variable of variables) {
      const bits = new Int32Array(variable.dataSync().buffer);
      console.log("update", variable.size, bits.reduce((sum, bits) => (sum * 31 + bits) | 0, 0));
    }
  }
`;

const select = (threads: number) =>
  `console.error((await selectBackend({ prefer: "wasm", threads: ${threads}, quiet: true })).reason);`;

Deno.test("several threads compute the same bits as one, and let the process end", {
  ignore: !granted,
}, async () => {
  const [one, two, three] = await Promise.all([1, 2, 3].map((n) => run(select(n) + training)));
  assertMatch(two.err, /relaxed SIMD, 2 threads/);
  assertMatch(one.out, /^-?\d+(,-?\d+){37}\n$/);
  assertEquals(two.out, one.out);
  assertEquals(three.out, one.out);
  assert(one.ended && two.ended && three.ended, "a process hung");
});

Deno.test("several threads compute the same elements as one", { ignore: !granted }, async () => {
  const [one, two, three] = await Promise.all([1, 2, 3].map((n) => run(select(n) + elements)));
  assertEquals(one.out.trim().split("\n").length, 60, one.err);
  assertEquals(two.out, one.out);
  assertEquals(three.out, one.out);
});

Deno.test(
  "after a reset of the engine, threads work on the new heap",
  { ignore: !granted },
  async () => {
    const { out, ended } = await run(`
    for (let i = 0; i < 2; i++) {
      ${select(2)}
      const x = tf.ones([256, 256]);
      console.log(tf.matMul(x, x).sub(256).abs().max().dataSync()[0], tf.memory().numTensors);
      tf.engine().reset();
    }
    // The backend that tfjs starts by itself has our kernels, too.
    await tf.setBackend("wasm");
    const x = tf.tensor2d([[1, 2], [3, 4]]);
    console.log(tf.grad((x) => tf.matMul(x, x).sum())(x).dataSync().join());
  `);
    const [first, second, gradient] = out.trim().split("\n");
    assertMatch(first, /^0 /);
    assertEquals(second, first);
    assertEquals(gradient, "7,11,9,13");
    assert(ended);
  },
);

/** Starts a thread on a heap of its own. */
const pool = `
  const { Threads } = await import("${root}src/backend/threads.ts");
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true });
  const { instantiateKernels, shareMemory } = await import(
    "${root}src/backend/wasm_modules.ts"
  );
  const builds = await import("${root}src/backend/kernels.generated.ts");
  const modules = {
    kernels: new WebAssembly.Module(shareMemory(Uint8Array.fromHex(builds.relaxed))),
  };
  const exports = instantiateKernels(modules, memory);
  const pool = await Threads.start(1, exports, modules, memory);
`;

Deno.test("each call is done once, by a thread or by the main one that takes it back", {
  ignore: !granted,
}, async () => {
  const { out, err, ended } = await run(`
    ${pool}
    const [y, bias, scratch] = [4096, 8192, 65536];
    const numbers = new Float32Array(memory.buffer);
    numbers.fill(1, bias / 4, bias / 4 + 4);
    let taken = 0;
    const calls = 20_000;
    for (let i = 0; i < calls; i++) {
      const args = [y, 0, 1, 4, bias, 0, scratch];
      pool.begin(0, "addBiasInPlace", args);
      for (let j = 0; j < i % 97; j++) Math.sin(j);
      // The thread sleeps after a while.
      if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      if (pool.takeBack(0)) {
        exports.addBiasInPlace(...args);
        taken++;
      }
      pool.finish(0);
      if (i % 700 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    console.log(numbers[y / 4] === calls, numbers[y / 4 + 3] === calls, taken > 0);
  `);
  assertEquals(out, "true true true\n", err);
  assert(ended);
});

Deno.test("a thread that fails is an error, not a hang", { ignore: !granted }, async () => {
  const { out, err, ended } = await run(`
    ${select(2)}
    ${pool}
    // The address is outside the heap, so that the kernel fails.
    pool.begin(0, "sumColumns", [0, 1, 1, 0, 1, 2 ** 31, 0]);
    try { pool.finish(0); } catch (error) { console.log(error.message); }
  `);
  assertEquals(out, "Cannot continue to compute: thread 1 failed in a kernel.\n", err);
  assert(ended);
});

Deno.test(
  "selectBackend() refuses invalid numbers of threads, and threads on a heap that is not shared",
  {
    ignore: !granted,
  },
  async () => {
    await assertRejects(
      () => selectBackend({ prefer: "wasm", threads: 0 }),
      RangeError,
      "threads must be an integer >= 1: current value is 0",
    );
    await selectBackend({ prefer: "wasm", quiet: true });
    await assertRejects(
      () => selectBackend({ prefer: "wasm", threads: 2 }),
      Error,
      "threads must be asked for when WebAssembly is first selected",
    );
  },
);

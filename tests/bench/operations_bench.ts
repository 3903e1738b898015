/**
 * Every operation against PyTorch on one thread, forward and with gradient, at three sizes: CPU time,
 * in turns. The slowest ratios come first.
 *
 * ```sh
 * deno task bench:operations
 * deno task bench:operations --only "sum|mean" --sizes 10000 --rounds 9
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { selectBackend, tf } from "../../mod.ts";
import { median } from "./median.ts";
import { pythonWithTorch, startWorker } from "./worker_process.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string", default: "." },
    sizes: { type: "string", default: "100,10000,1000000" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});

/** Time of a turn, and to warm up, in microseconds. */
const TURN = 15_000, WARM_UP = 40_000;

/** An operation at one size. */
interface Row {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

await selectBackend({ prefer: "wasm", quiet: true });
// The table makes tensors.
const { OPERATIONS } = await import("./operations/cases.ts");
type Input = import("./operations/cases.ts").Input;

function make([shape, kind = "normal"]: Input): tf.Tensor {
  if (kind === "bool") return tf.randomUniform(shape).greater(0.5);
  if (kind === "positive") return tf.randomUniform(shape, 0.1, 1);
  if (kind === "normal") return tf.randomNormal(shape);
  return tf.randomUniform(shape, 0, kind).floor().toInt();
}

const python = await pythonWithTorch();
if (!python) throw new Error("Cannot compare: install python3-torch and libopenblas0");
const torch = startWorker([
  python,
  new URL("operations/torch_worker.py", import.meta.url).pathname,
]);

async function measure(name: string, size: number, gradient: boolean): Promise<Row> {
  const { inputs: inputsOf, run, torch: theirs } = OPERATIONS.get(name)!;
  const inputs = inputsOf(size);
  const xs = tf.tidy(() => inputs.map((input) => tf.keep(make(input))));
  const floats = xs.filter(({ dtype }) => dtype === "float32");
  let work = () => tf.dispose(tf.tidy(() => run(...xs)) as tf.Tensor);
  let dy: tf.Tensor | undefined;
  if (gradient) {
    dy = tf.tidy(() => tf.ones((run(...xs) as tf.Tensor).shape));
    const f = tf.grads((...given: tf.Tensor[]) => {
      let next = 0;
      return run(...xs.map((x) => x.dtype === "float32" ? given[next++] : x)) as tf.Tensor;
    });
    work = () => tf.dispose(f(floats, dy));
  }
  const turn = (count: number) => {
    const began = cpu();
    for (let i = 0; i < count; i++) work();
    return (cpu() - began) / count;
  };
  const request = {
    torch: theirs,
    inputs: inputs.map(([shape, kind = "normal"]) => [shape, kind]),
    gradient,
  };
  const ask = async (count: number) => (await torch.ask(JSON.stringify({ ...request, count })))[0];
  const countOf = (time: number) => Math.max(1, Math.min(5000, Math.round(TURN / time)));
  let ours = 1, counts = 1;
  for (const began = cpu(); cpu() - began < WARM_UP;) ours = countOf(Math.max(turn(ours), 1));
  for (let i = 0; i < 2; i++) {
    const time = await ask(counts);
    if (Number.isNaN(time)) throw new Error("PyTorch cannot compute it");
    counts = countOf(Math.max(time, 1));
  }
  const mine: number[] = [], other: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    mine.push(turn(ours));
    other.push(await ask(counts));
  }
  tf.dispose([xs, dy ?? []]);
  const label = `${name}${gradient ? " ∇" : ""} @${size}`;
  return {
    name: label,
    ours: median(mine),
    theirs: median(other),
    ratio: median(mine.map((time, i) => time / other[i])),
  };
}

const rows: Row[] = [];
const show = ({ name, ours, theirs, ratio }: Row) =>
  `| ${name} | ${ours.toFixed(1)} | ${theirs.toFixed(1)} | ${ratio.toFixed(2)} |`;
for (const { name, smooth } of OPERATIONS.values()) {
  if (!new RegExp(values.only).test(name)) continue;
  for (const size of values.sizes.split(",").map(Number)) {
    for (const gradient of smooth ? [false, true] : [false]) {
      try {
        rows.push(await measure(name, size, gradient));
        console.error(show(rows.at(-1)!));
      } catch (error) {
        console.error(`${name}${gradient ? " ∇" : ""} @${size}: ${(error as Error).message}`);
      }
    }
  }
}
await torch.stop();
rows.sort((a, b) => b.ratio - a.ratio);
if (values.json) console.log(JSON.stringify(rows));
else {
  console.log("| operation | µs | µs in PyTorch | ratio |\n|---|---|---|---|");
  for (const row of rows) console.log(show(row));
}
Deno.exit(0);

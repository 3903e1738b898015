import { hostProcess } from "../host/host_process.ts";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import {
  checkNumber,
  checkOptions,
  describeValue,
  type KnownOptions,
} from "../checks/check_options.ts";
import type { ParametersOf, Space } from "./dimension.ts";
import { connectOptions, type NatsOptions } from "./nats_options.ts";
import type { Objective } from "./run_job.ts";

/**
 * The choice of the parameters and the lengths of trials.
 *
 * @category Sweeps
 */
export type Algorithm = "random" | "grid" | "hyperband" | "tpe";

const ALGORITHMS: readonly Algorithm[] = ["random", "grid", "hyperband", "tpe"];

/**
 * Options of {@linkcode sweep}.
 *
 * @category Sweeps
 */
export interface SweepOptions<S extends Space = Space> {
  /** The parameters, each with its dimension. */
  space: S;
  /** Trains with the parameters of a trial, and returns their value. */
  objective: Objective<ParametersOf<S>>;
  /**
   * Number of trials, an integer >= 1. Default: 20 for a random search and TPE, all points of a
   * grid, one round of brackets for Hyperband.
   */
  trials?: number;
  /** The choice of parameters. Default: `"random"`. */
  algorithm?: Algorithm;
  /** Epochs of a trial that runs to its end, an integer >= 1. Default: 1. */
  epochs?: number;
  /** For Hyperband: one in this many trials continues, an integer >= 2. Default: 3. */
  factor?: number;
  /** For a grid: number of values of a dimension without steps, an integer >= 1. Default: 3. */
  points?: number;
  /** For TPE: number of random trials at the start, an integer >= 1. Default: 10. */
  startup?: number;
  /** The metric of training or validation that the Learner reports. Default: `"validation.loss"`. */
  monitor?: string;
  /** Whether smaller or larger values are better. Default: known for common metrics, see `Monitor`. */
  mode?: "min" | "max";
  /** Seed of the parameters, and of the seeds of all trials: a safe integer. Default: 0. */
  seed?: number;
  /**
   * The folder of the journal, the pictures, the checkpoints and the output of workers. A sweep that
   * is found there continues. Default: `"sweep"`; on the command line, `--folder DIR`.
   */
  folder?: string;
  /**
   * Number of worker processes on this machine, an integer >= 0. Default: the number of cores; on
   * the command line, `--workers N`. With 0 and no server, trials run one after another in this
   * process.
   */
  workers?: number;
  /**
   * The server from which workers on any machine pull trials. Default: none; on the command line,
   * `--nats URL`, with `--nats-creds FILE` and `--nats-ca FILE`.
   */
  nats?: string | NatsOptions;
  /** Whether this process is only a worker. Default: `false`; on the command line, `--worker`. */
  worker?: boolean;
  /**
   * With `nats`: the name that tells this sweep from others on the server. Default: the name of the
   * folder, with `-` for all characters but letters, digits and `_`.
   */
  name?: string;
  /** With `nats`: seconds after which a silent worker loses its trial, > 0. Default: 30. */
  silence?: number;
  /** Number of times that a trial is begun if its workers die, an integer >= 1. Default: 3. */
  attempts?: number;
  /** Flags of `deno run` for a worker. Default: `["-A"]`. */
  flags?: readonly string[];
  /** The command line, which takes precedence over options. Default: that of the process. */
  args?: readonly string[];
  /** Prints the progress. Default: to standard output. */
  write?: (text: string) => void;
}

/** Options with their defaults. */
export type CompleteOptions =
  & Required<Omit<SweepOptions, "trials" | "mode" | "nats" | "args" | "write">>
  & Pick<SweepOptions, "trials" | "mode" | "write">
  & { nats?: NatsOptions };

const KNOWN: KnownOptions<SweepOptions> = {
  space: true,
  objective: true,
  trials: true,
  algorithm: true,
  epochs: true,
  factor: true,
  points: true,
  startup: true,
  monitor: true,
  mode: true,
  seed: true,
  folder: true,
  workers: true,
  nats: true,
  worker: "flag",
  name: true,
  silence: true,
  attempts: true,
  flags: true,
  args: true,
  write: true,
};

/**
 * Reads the command line, adds defaults, and checks all options.
 *
 * @throws {TypeError} If an option is unknown, missing or of the wrong kind.
 * @throws {RangeError} If a number is out of range.
 */
export function completeOptions(options: SweepOptions): CompleteOptions {
  checkOptions("sweep", options, KNOWN);
  const { args = hostProcess!.argv.slice(2), folder = "sweep", worker = false, nats, ...rest } =
    options;
  const flags = parseFlags(args);
  const place = flags.folder ?? folder;
  const complete = {
    ...rest,
    algorithm: rest.algorithm ?? "random",
    epochs: rest.epochs ?? 1,
    factor: rest.factor ?? 3,
    points: rest.points ?? 3,
    startup: rest.startup ?? 10,
    monitor: rest.monitor ?? "validation.loss",
    seed: rest.seed ?? 0,
    folder: place,
    workers: flags.workers ?? rest.workers ?? navigator.hardwareConcurrency,
    nats: natsOf(flags, nats),
    worker: flags.worker ?? worker,
    name: rest.name ?? (basename(place).replace(/\W/g, "-") || "-"),
    silence: rest.silence ?? 30,
    attempts: rest.attempts ?? 3,
    flags: rest.flags ?? ["-A"],
  };
  check(complete);
  return complete;
}

interface Flags {
  folder?: string;
  nats?: string;
  "nats-creds"?: string;
  "nats-ca"?: string;
  worker?: boolean;
  workers?: number;
}

/** Reads the flags of the sweep; other arguments belong to the script. */
function parseFlags(args: readonly string[]): Flags {
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
      throw new TypeError(`Cannot sweep as --${name} must have a value: it has none`);
    }
  }
  const { workers, ...flags } = values;
  return { ...flags as Flags, ...workers !== undefined && { workers: Number(workers) } };
}

function natsOf(flags: Flags, nats: SweepOptions["nats"]): NatsOptions | undefined {
  const given = typeof nats === "string" ? { servers: nats } : nats;
  const servers = flags.nats ?? given?.servers;
  if (!servers) return undefined;
  return {
    ...given,
    servers,
    ...flags["nats-creds"] && { credentials: flags["nats-creds"] },
    ...flags["nats-ca"] && { tls: { ...given?.tls, caFile: flags["nats-ca"] } },
  };
}

function check(options: CompleteOptions): void {
  const { space, objective, algorithm, worker, nats, name } = options;
  const dimensions = Object.entries(space ?? {});
  if (dimensions.length === 0) throw wrong("space must have dimensions", space);
  for (const [name, dimension] of dimensions) {
    if (typeof dimension?.at !== "function") {
      throw wrong(`${name} must be a dimension, such as uniform(0, 1)`, dimension);
    }
  }
  if (typeof objective !== "function") throw wrong("objective must be a function", objective);
  if (!ALGORITHMS.includes(algorithm)) {
    throw wrong(`algorithm must be one of ${ALGORITHMS.join(", ")}`, algorithm);
  }
  if (nats) connectOptions(nats);
  if (worker && !nats) {
    throw new TypeError("Cannot sweep as a worker must have a server: give it --nats URL");
  }
  if (!/^[\w-]+$/.test(name)) throw wrong("name must consist of letters, digits, - and _", name);
  const { trials = 1, epochs, factor, points, startup, workers, attempts, seed, silence } = options;
  const least = { trials: 1, epochs: 1, factor: 2, points: 1, startup: 1, workers: 0, attempts: 1 };
  const counts = { trials, epochs, factor, points, startup, workers, attempts };
  for (const [name, value] of Object.entries(counts)) {
    checkNumber("sweep", name, value, { integer: true, min: least[name as keyof typeof least] });
  }
  checkNumber("sweep", "seed", seed, { integer: true });
  checkNumber("sweep", "silence", silence, { above: 0, unit: "s" });
  if (algorithm === "hyperband") {
    checkNumber("sweep with Hyperband", "epochs", epochs, { integer: true, min: factor });
  }
}

function wrong(required: string, actual: unknown): TypeError {
  return new TypeError(`Cannot sweep as ${required}: current value is ${describeValue(actual)}`);
}

/**
 * Foretells how fast 2 and 4 ranks train, out of what processes that know nothing of one another and
 * the exchange of a few messages take, and compares that with what 2 and 4 ranks do.
 *
 * `--rounds n` sets the number of turns, `--mpi openmpi|mpich` the MPI.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ENVIRONMENT } from "../distributed/launch.ts";
import { median } from "./median.ts";
import { fitNetwork, simulate } from "./scale_model.ts";
import type { Trained } from "./scale_worker.ts";

const { values: { rounds, mpi } } = parseArgs({
  args: Deno.args,
  options: {
    rounds: { type: "string", default: "5" },
    mpi: { type: "string", default: "openmpi" },
  },
});

const SIZES = [4, 1024, 64 << 10, 1 << 20, 4 << 20];
const worker = new URL("./scale_worker.ts", import.meta.url).pathname;

async function run<T>(ranks: number, ...task: string[]): Promise<T> {
  const name = `mpirun.${mpi}`;
  const args = ["-n", `${ranks}`, Deno.execPath(), "run", "-A", worker, ...task];
  const process = new Deno.Command(name, { args, env: ENVIRONMENT, stderr: "inherit" });
  const { success, stdout } = await process.output();
  if (!success) throw new Error(`Cannot measure as ${name} ${args.join(" ")} must succeed`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

const foretold: Record<number, number[]> = { 2: [], 4: [] };
const measured: Record<number, number[]> = { 2: [], 4: [] };
for (let round = 0; round < Number(rounds); round++) {
  const times = await run<number[]>(2, "reduce", ...SIZES.map(String));
  const network = fitNetwork(times.map((time, index) => [SIZES[index], time / 1e6]));
  for (const ranks of [2, 4]) {
    const trained = await run<Trained>(ranks, "train", "mlp", "16", "10");
    const { rounds, parameters, messages } = trained;
    const steps = rounds.flatMap(({ apart }) => apart.flat()).map((time) => time / 1000);
    foretold[ranks].push(simulate({ ranks, parameters, messages, steps, network }));
    const together = rounds.flatMap((round) => round.together);
    measured[ranks].push(together.reduce((sum, time) => sum + time) / together.length / 1000);
  }
  const { latency, bandwidth } = network;
  console.log(
    `latency ${(1e6 * latency).toFixed(1)} µs, bandwidth ${(bandwidth / 1e9).toFixed(2)} GB/s`,
  );
}
for (const ranks of [2, 4]) {
  const [before, after] = [foretold, measured].map((times) => 1000 * median(times[ranks]));
  console.log(
    `${ranks} ranks: ${before.toFixed(1)} ms foretold, ${after.toFixed(1)} ms measured ` +
      `(${(100 * (after / before - 1)).toFixed(0)} %)`,
  );
}

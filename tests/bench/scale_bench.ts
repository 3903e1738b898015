/**
 * The gain of more processes: speed against processes that know nothing of one another, and what the
 * exchange of gradients takes, against a program in C where there is a compiler.
 *
 * All variants take turns, each for a tenth of a second, so that a busy machine slows all of them;
 * figures are medians over the turns. `--json` prints JSON, `--rounds n` sets the number of turns,
 * `--mpi openmpi|mpich` the MPI.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ENVIRONMENT } from "../distributed/launch.ts";
import { median } from "./median.ts";
import type { Trained } from "./scale_worker.ts";

const { values: { json, rounds, mpi } } = parseArgs({
  args: Deno.args,
  options: {
    json: { type: "boolean" },
    rounds: { type: "string", default: "60" },
    mpi: { type: "string", default: "openmpi" },
  },
});

/** The models, and the number of steps of each in a turn. */
const MODELS = { mlp: "16", cnn: "4" };
/** Number of measurements of exchanges. */
const TURNS = 7;
const SIZES = [4, 1024, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 100 << 20].map(String);
const here = new URL("./", import.meta.url).pathname;
const mpirun = (...program: string[]) => [`mpirun.${mpi}`, "-n", "2", ...program];
const worker = mpirun(Deno.execPath(), "run", "-A", `${here}scale_worker.ts`);

async function run<T>(command: string[]): Promise<T> {
  const [name, ...args] = command;
  const process = new Deno.Command(name, { args, env: ENVIRONMENT, stderr: "inherit" });
  const { success, stdout } = await process.output();
  if (!success) throw new Error(`Cannot measure as ${command.join(" ")} must succeed`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

/** The same in C, where it can be compiled. */
async function compile(): Promise<string[] | undefined> {
  const program = await Deno.makeTempFile();
  const library = mpi === "openmpi" ? "libmpi.so.40" : "libmpich.so.12";
  try {
    const args = ["-O2", `${here}allreduce.c`, "-o", program, "-ldl"];
    const { success } = await new Deno.Command("cc", { args }).output();
    if (success) return mpirun(program, library, ...SIZES);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

const figures: Record<string, Record<string, number>> = {};
for (const [model, steps] of Object.entries(MODELS)) {
  const { rounds: turns } = await run<Trained>([...worker, "train", model, steps, rounds]);
  const ratios = turns.map(({ alone, apart, together, exchange }) => {
    const ideal = apart[0].map((_, step) => Math.max(...apart.map((times) => times[step])));
    const speedApart = apart.reduce((sum, times) => sum + 1 / median(times), 0);
    return {
      efficiency: 2 / median(together) / speedApart,
      ceiling: 2 / median(ideal) / speedApart,
      speedUp: 2 * median(alone) / median(together),
      share: median(exchange) / median(together),
    };
  });
  const names = Object.keys(ratios[0]) as (keyof typeof ratios[0])[];
  figures[model] = Object.fromEntries(
    names.map((name) => [name, median(ratios.map((ratio) => ratio[name]))]),
  );
}

const inC = await compile();
const reduced: number[][] = [], compiled: number[][] = [];
for (let turn = 0; turn < TURNS; turn++) {
  reduced.push(await run([...worker, "reduce", ...SIZES]));
  if (inC) compiled.push(await run(inC));
}
const column = (rows: number[][], index: number) => median(rows.map((row) => row[index]));
const allreduce = Object.fromEntries(
  SIZES.map((size, index) => [size, {
    microseconds: column(reduced, index),
    ...inC && { inC: column(compiled, index) },
  }]),
);

if (json) console.log(JSON.stringify({ ...figures, allreduce }));
else {
  for (const [model, { efficiency, ceiling, speedUp, share }] of Object.entries(figures)) {
    console.log(`${model}, batch size 256 on each rank`);
    console.log(`  speed of 2 ranks against 2 separate processes  ${efficiency.toFixed(3)}`);
    console.log(`    if they only waited for the slower one       ${ceiling.toFixed(3)}`);
    console.log(`  speed of 2 ranks against 1 process             ${speedUp.toFixed(2)}`);
    console.log(`  exchange, part of a step                       ${(100 * share).toFixed(2)} %`);
  }
  for (const [size, { microseconds, inC }] of Object.entries(allreduce)) {
    const times = inC ? `${(microseconds / inC).toFixed(2)} times that of C` : "";
    console.log(
      `allreduce of ${size.padStart(9)} bytes  ${microseconds.toFixed(1).padStart(9)} µs  ${times}`,
    );
  }
}

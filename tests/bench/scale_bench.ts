/**
 * What more processes bring: speed against processes that know nothing of one another, and what the
 * exchange of gradients takes, against a program in C where there is a compiler.
 *
 * All variants take turns, so that a busy machine slows all of them; figures are medians over the
 * turns. `--json` prints JSON, `--rounds n` sets the number of turns, `--mpi openmpi|mpich` the MPI.
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
    rounds: { type: "string", default: "7" },
    mpi: { type: "string", default: "openmpi" },
  },
});

/** What is trained, and how many steps of it in a turn. */
const MODELS = { mlp: "60", cnn: "12" };
const SIZES = [4, 1024, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 100 << 20].map(String);
const here = new URL("./", import.meta.url).pathname;
const worker = [Deno.execPath(), "run", "-A", `${here}scale_worker.ts`];
const mpirun = (...program: string[]) => [`mpirun.${mpi}`, "-n", "2", ...program];

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

const inC = await compile();
/** Ratios and parts of a step, turn by turn: the machine's speed drifts from one to the next. */
const trained: Record<string, { efficiency: number[]; speedUp: number[]; share: number[] }> = {};
const reduced: number[][] = [], compiled: number[][] = [];
for (let round = 0; round < Number(rounds); round++) {
  for (const [model, steps] of Object.entries(MODELS)) {
    const program = [...worker, "train", model, steps];
    const alone = await run<Trained>(program);
    const apart = await Promise.all([run<Trained>(program), run<Trained>(program)]);
    const together = await run<Trained>(mpirun(...program));
    const of = trained[model] ??= { efficiency: [], speedUp: [], share: [] };
    of.efficiency.push(2 * together.speed / (apart[0].speed + apart[1].speed));
    of.speedUp.push(2 * together.speed / alone.speed);
    of.share.push(together.share);
  }
  reduced.push(await run(mpirun(...worker, "reduce", ...SIZES)));
  if (inC) compiled.push(await run(inC));
}

const column = (rows: number[][], index: number) => median(rows.map((row) => row[index]));
const figures = {
  ...Object.fromEntries(
    Object.entries(trained).map(([model, { efficiency, speedUp, share }]) => [model, {
      efficiency: median(efficiency),
      speedUp: median(speedUp),
      share: median(share),
    }]),
  ),
  allreduce: Object.fromEntries(
    SIZES.map((size, index) => [size, {
      microseconds: column(reduced, index),
      ...inC && { inC: column(compiled, index) },
    }]),
  ),
};
if (json) console.log(JSON.stringify(figures));
else {
  for (const [model, { efficiency, speedUp, share }] of Object.entries(trained)) {
    console.log(`${model}, batch size 256 on each rank`);
    console.log(
      `  speed of 2 ranks against 2 separate processes  ${median(efficiency).toFixed(3)}`,
    );
    console.log(`  speed of 2 ranks against 1 process             ${median(speedUp).toFixed(2)}`);
    console.log(
      `  exchange, part of a step                       ${(100 * median(share)).toFixed(2)} %`,
    );
  }
  for (const [size, { microseconds, inC }] of Object.entries(figures.allreduce)) {
    const times = inC ? `${(microseconds / inC).toFixed(2)} times that of C` : "";
    console.log(
      `allreduce of ${size.padStart(9)} bytes  ${microseconds.toFixed(1).padStart(9)} µs  ${times}`,
    );
  }
}

/**
 * Kills a training with SIGKILL at random moments, also in the middle of a write, and resumes it
 * until it is done, again and again.
 *
 * @module
 */
import { type Callback, Checkpoint, loadCheckpoint, selectBackend } from "../../mod.ts";
import { drawCallbacks } from "../callbacks/random_sets.ts";
import { exactRun } from "./exact_learner.ts";

/** Printed when the training begins: only later kills count. */
const STARTED = "started";

/** Result of a drill. */
export interface DrillResult {
  /** Number of processes that were killed. */
  kills: number;
  /** Number of kills that left an incomplete file, under its temporary name. */
  insideWrites: number;
  /** Number of trainings that ended. */
  trainings: number;
  /** Number of checkpoints that were read after a kill, all of them intact. */
  checkpoints: number;
}

/**
 * Runs trainings until the given number of kills, each at a random time of a training. Each training
 * has other callbacks, drawn from the table of the random sets.
 *
 * @param kills Number of kills.
 * @param seed The seed of the callbacks of the first training; each other one has the next that works.
 */
export async function drill(kills: number, seed: number): Promise<DrillResult> {
  let longest = Infinity; // duration of a training without a kill, ms; the first one has none
  const result = { kills: 0, insideWrites: 0, trainings: 0, checkpoints: 0 };
  while (result.kills < kills) {
    const expected = await expectedWeights(seed++).catch(() => undefined);
    if (expected === undefined) continue; // these callbacks cannot be used together
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(checkpointsOf(folder));
    let done = false;
    let killed = false;
    while (!done) {
      const kill = result.kills < kills && longest < Infinity ? Math.random() * longest : undefined;
      const output = await attempt(folder, seed - 1, kill);
      if (output === undefined) {
        result.kills++;
        killed = true;
        for await (const { name } of Deno.readDir(checkpointsOf(folder))) {
          if (name.startsWith(".")) result.insideWrites++;
          else {
            await loadCheckpoint(`${checkpointsOf(folder)}/${name}`);
            result.checkpoints++;
          }
        }
      } else if (output.split("\n")[0] !== expected) {
        throw new Error(
          `The weights differ after a kill, with the callbacks of seed ${seed - 1}: ` +
            `${output} instead of ${expected}`,
        );
      } else {
        done = true;
        if (!killed) longest = Number(output.split("\n")[1]);
      }
    }
    result.trainings++;
    await Deno.remove(folder, { recursive: true });
  }
  return result;
}

/** The folder of the checkpoints that are resumed. */
export function checkpointsOf(folder: string): string {
  return `${folder}/resumed`;
}

/** Weights of the uninterrupted run, as its process prints them. */
export async function expectedWeights(seed: number): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    return JSON.stringify((await run(folder, seed)).weights);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Trains with the callbacks of a seed, and others. */
async function run(folder: string, seed: number, others: Callback[] = []) {
  const drawn = drawCallbacks(seed, `${folder}/drawn`) as Callback[];
  return await exactRun({ optimizer: "adamW", callbacks: [...others, ...drawn] });
}

/** A process that trains, resuming where earlier ones in the same folder stopped. */
export function spawn(folder: string, seed: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", import.meta.filename!, folder, `${seed}`],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** One process: its output, or `undefined` if it was killed. */
async function attempt(
  folder: string,
  seed: number,
  killAfter: number | undefined,
): Promise<string | undefined> {
  const child = spawn(folder, seed);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (killAfter !== undefined) timer ??= setTimeout(() => kill(child), killAfter);
  }
  clearTimeout(timer);
  const { signal, success } = await child.status;
  const error = await new Response(child.stderr).text();
  if (signal === "SIGKILL") return undefined;
  if (!success) throw new Error(error);
  return output.replace(`${STARTED}\n`, "");
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the process has just ended
  }
}

if (import.meta.main) {
  await selectBackend({ prefer: "cpu", quiet: true });
  console.log(STARTED);
  const start = performance.now();
  const [folder, seed] = Deno.args;
  const resumed = checkpointsOf(folder);
  const checkpoint = new Checkpoint(resumed, { every: { batches: 1 }, resume: "auto" });
  const { weights } = await run(folder, Number(seed), [checkpoint]);
  console.log(JSON.stringify(weights));
  console.log(performance.now() - start);
}

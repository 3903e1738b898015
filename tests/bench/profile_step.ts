import { Playback } from "../../src/backend/recording/playback.ts";
import { CompiledSteps } from "../../src/learner/compiled_steps.ts";
import { median } from "./median.ts";
import { prepareTraining } from "./models.ts";

const ROUNDS = 9;
/** Time of a round, in ms. */
const TURN = 200;

/** Adds the time of all calls of a method; returns a function that reads it, in ms, and resets it. */
function timed<Name extends string>(
  owner: Record<Name, (...args: never[]) => unknown>,
  name: Name,
): () => number {
  const method = owner[name];
  let total = 0;
  owner[name] = function (this: unknown, ...args) {
    const began = performance.now();
    try {
      return method.apply(this, args);
    } finally {
      total += performance.now() - began;
    }
  };
  return () => {
    const time = total;
    total = 0;
    return time;
  };
}

/**
 * Splits the steps of a Learner by wall time: the kernels of the playback, what surrounds them (the
 * key, the tensors of the results), the update of the weights, and the rest: loop, chart, loader.
 *
 * @param names Names of the models.
 * @returns A table.
 */
export async function profileSteps(names: readonly string[]): Promise<string> {
  const playback = timed(Playback.prototype as never, "play");
  const compiled = timed(CompiledSteps.prototype as never, "take");
  const rows: string[] = ["| model | step, µs | playback | around it | update | Learner |"];
  rows.push("|---|---|---|---|---|---|");
  for (const name of names) {
    const { learner, train } = prepareTraining(name);
    let steps = 10;
    const update = timed(learner.stages as never, "update");
    const round = async () => {
      for (const read of [playback, compiled, update]) read();
      const wall = await train(steps);
      const times = [playback(), compiled(), update()];
      return [wall, times[0], times[1] - times[0], times[2], wall - times[1] - times[2]]
        .map((ms) => 1000 * ms / steps);
    };
    // Engines compile what they have run for a while.
    for (const began = performance.now(); performance.now() - began < 1500;) {
      const [wall] = await round();
      steps = Math.max(10, Math.round(1000 * TURN / wall));
    }
    const rounds: number[][] = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await round());
    const cells = rounds[0].map((_, at) => median(rounds.map((times) => times[at])).toFixed(1));
    rows.push(`| ${name} | ${cells.join(" | ")} |`);
  }
  return rows.join("\n");
}

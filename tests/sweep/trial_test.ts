import { assert, assertEquals, assertMatch } from "@std/assert";
import { sweep, type Trial, uniform } from "../../sweep.ts";
import { fastDevRun, LearningRateFinder } from "../../callbacks.ts";
import { sgd } from "../../mod.ts";
import { testInFolder } from "../fixtures/in_folder.ts";
import { tinyLearner, type TinyOptions } from "../fixtures/tiny_learner.ts";
import { canRun } from "./nats_server.ts";

/** Registers a test of a sweep in this process that prints nothing and leaves no tensor. */
function testTrials(
  name: string,
  run: (
    run: (objective: (trial: Trial) => unknown, trials?: number) => ReturnType<typeof sweep>,
    folder: string,
  ) => Promise<void>,
): void {
  testInFolder(name, async (folder) => {
    let sweeps = 0;
    await run((objective, trials = 9) =>
      sweep({
        space: { rate: uniform(0.01, 0.1) },
        objective: objective as () => void,
        algorithm: "hyperband",
        epochs: 9,
        trials,
        workers: 0,
        folder: `${folder}/${sweeps++}`,
        args: [],
        write: () => {},
      }), folder);
  }, !canRun);
}

/** A Learner whose training reports, and what it has trained. */
function reporting(trial: Trial, epochs: string[] = [], options: TinyOptions = {}) {
  const parts = tinyLearner({
    callbacks: [trial, {
      name: "Note",
      afterEpoch: ({ epoch }) => void epochs.push(`${trial.number}.${epoch}`),
    }],
    seed: trial.seed,
    ...options,
  });
  parts.learner.learningRate = trial.parameters.rate as number;
  return parts;
}

testTrials("a trial does not report the epochs of trial runs", async (run) => {
  const outcome = async (
    prepare: (trial: Trial, learner: ReturnType<typeof reporting>) => unknown,
  ) => {
    const { trials } = await run(async (trial) => {
      const parts = reporting(trial);
      await prepare(trial, parts);
      const { length } = trial.reports;
      const result = await parts.learner.train({ epochs: trial.epochs });
      parts.dispose();
      assertEquals(length, 0);
      return result;
    });
    return trials.map(({ trial, status, value }) => [trial, status, value]);
  };
  const plain = await outcome(() => {});
  assertEquals(plain.filter(([, status]) => status === "stopped").length, 8);
  assertEquals(await outcome((_, { learner }) => fastDevRun(learner, { batches: 1 })), plain);
  const finder = new LearningRateFinder({ steps: 10 });
  assertEquals(await outcome((_, { learner }) => finder.find(learner)), plain);
});

testTrials(
  "two trainings of a trial count their epochs together, and resume bit for bit",
  async (run) => {
    const twice = (epochs: string[]) => async (trial: Trial) => {
      const parts = reporting(trial, epochs);
      try {
        await parts.learner.train({ epochs: 2 });
        return await parts.learner.train({ epochs: trial.epochs - 2 });
      } finally {
        parts.dispose();
      }
    };
    const trained: string[] = [];
    const { best, trials } = await run(twice(trained));
    assertEquals(best!.reports.map(([epochs]) => epochs), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assertEquals(
      trials.map(({ reports }) => reports.length).toSorted(),
      [1, 1, 1, 1, 1, 1, 3, 3, 9],
      "a trial that was paused or stopped begins no second training",
    );
    // The pause after epoch 3 is in the second training: the first one is repeated.
    const { trial: number } = best!;
    assertEquals(trained.filter((epoch) => epoch === `${number}.6`).length, 1);
    const alone = (await run(async (trial) => {
      if (trial.number === number) return await twice([])(trial);
      throw new Error("not of interest");
    })).trials.find(({ trial }) => trial === number)!;
    assertEquals(alone.reports, best!.reports);
  },
);

testTrials("a trial reports one validation for each epoch, the last", async (run) => {
  for (const validationBatches of [undefined, 2, 3]) {
    const measured: [number, number][] = [];
    const { trials: [{ reports }] } = await run(async (trial) => {
      const parts = reporting(trial, [], {
        callbacks: [trial, {
          name: "Note",
          afterValidate: ({ epoch, validationLoss }) =>
            void measured.push([epoch + 1, validationLoss]),
        }],
      });
      try {
        // There are 4 batches: with 2, the last validation of an epoch is within it.
        return await parts.learner.train({
          epochs: 3,
          ...validationBatches && { validationBatches },
        });
      } finally {
        parts.dispose();
      }
    }, 1);
    assertEquals(measured.length, { 2: 6, 3: 6 }[validationBatches ?? 0] ?? 3);
    assertEquals(reports, [1, 2, 3].map((epochs) => measured.findLast(([at]) => at === epochs)!));
  }
});

testTrials("a trial whose checkpoint is damaged begins again", async (run, folder) => {
  const trained: string[] = [];
  const { best } = await run(async (trial) => {
    for (const { name } of exists(`${folder}/0/checkpoints`)) {
      const path = `${folder}/0/checkpoints/${name}`;
      const bytes = await Deno.readFile(path);
      await Deno.writeFile(path, bytes.fill(7, bytes.length - 8));
    }
    const parts = reporting(trial, trained);
    try {
      return await parts.learner.train({ epochs: trial.epochs });
    } finally {
      parts.dispose();
    }
  });
  assertEquals(best!.reports.length, 9);
  const { trial } = best!;
  const firsts = trained.filter((epoch) => epoch === `${trial}.0`).length;
  assert(firsts > 1, `${firsts} beginnings`);
});

function exists(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch {
    return [];
  }
}

testTrials("a trial refuses two trainings at once", async (run) => {
  const { trials: [{ error }] } = await run(async (trial) => {
    // Without momentum, the optimizers have no tensors.
    const make = () => reporting(trial, [], { optimizer: sgd(0.1) });
    const [one, other] = [make(), make()];
    try {
      const results = await Promise.allSettled(
        [one, other].map(({ learner }) => learner.train({ epochs: 1 })),
      );
      for (const result of results) if (result.status === "rejected") throw result.reason;
    } finally {
      other.dispose();
      one.dispose();
    }
  }, 1);
  assertMatch(error!, /another training of this trial is in progress/);
});

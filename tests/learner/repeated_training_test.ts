import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { DataLoader, type Learner, type RunCheckpoint, sgd, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { Line, tinyLearner } from "../fixtures/tiny_learner.ts";

const EXAMPLES = 40;

/** The examples of each batch, and a random number drawn in its step. */
interface Drawn {
  readonly examples: number[];
  readonly draw: number;
}

interface Program {
  readonly learner: Learner;
  readonly drawn: Drawn[];
}

function programOf(
  model: Line,
  options: { seed?: number; loaderSeed?: number },
  callbacks: object[] = [],
): Program {
  const drawn: Drawn[] = [];
  const { learner } = tinyLearner({
    model,
    optimizer: sgd(1e-6),
    seed: options.seed,
    dataloaders: {
      train: new DataLoader({
        dataset: Array.from({ length: EXAMPLES }, (_, index) => index),
        collate: (examples: number[]) => ({
          data: tf.tensor2d(examples, [examples.length, 1]),
          labels: tf.zeros([examples.length, 1]),
        }),
        batchSize: 4,
        shuffle: true,
        seed: options.loaderSeed,
      }),
    },
    callbacks: [{
      afterLoss(learner: Learner) {
        drawn.push({ examples: [...learner.data.dataSync()], draw: Math.random() });
      },
    }, ...callbacks],
  });
  return { learner, drawn };
}

/** The draws of each of some trainings of one epoch. */
async function trainings(program: Program, count: number): Promise<Drawn[][]> {
  const all: Drawn[][] = [];
  for (let index = 0; index < count; index++) {
    await program.learner.train();
    all.push(program.drawn.splice(0));
  }
  return all;
}

function assertDifferent(all: Drawn[][]): void {
  assertEquals(
    new Set(all.map((drawn) => drawn.flatMap((batch) => batch.examples).join())).size,
    3,
  );
  assertEquals(new Set(all.map((drawn) => drawn.map((batch) => batch.draw).join())).size, 3);
  for (const drawn of all) {
    const examples = drawn.flatMap((batch) => batch.examples);
    assertEquals(examples.toSorted((a, b) => a - b), [...Array(EXAMPLES).keys()]);
  }
}

for (const options of [{}, { seed: 42 }, { loaderSeed: 3 }, { seed: 42, loaderSeed: 3 }]) {
  const name = JSON.stringify(options);
  testTensors(
    `Learner.train() draws other numbers each time it is called, with ${name}`,
    async () => {
      using model = new Line();
      assertDifferent(await trainings(programOf(model, options), 3));
    },
  );
}

testTensors(
  "Learner.train() with a seed repeats the n-th training in another process",
  async () => {
    using model = new Line();
    const first = await trainings(programOf(model, { seed: 42 }), 3);
    const program = programOf(model, { seed: 42 });
    const dataloaders = { ...program.learner.dataloaders };
    program.learner.dataloaders.test = [[tf.ones([1, 1]), tf.ones([1, 1])]];
    const { numTensors } = tf.memory();
    await program.learner.test();
    await program.learner.predict(program.learner.dataloaders.test as never).then((y) =>
      y.dispose()
    );
    assertEquals(tf.memory().numTensors, numTensors);
    tf.dispose(program.learner.dataloaders.test as never);
    program.learner.dataloaders = dataloaders;
    program.drawn.length = 0;
    assertEquals(await trainings(program, 3), first, "a test and a prediction change nothing");
    assertNotEquals(await trainings(programOf(model, { seed: 43 }), 3), first);
  },
);

testTensors("Learner.train() with a seed draws as version 0.1 did the first time", async () => {
  using model = new Line();
  const [first] = await trainings(programOf(model, { seed: 42 }), 1);
  // Taken from version 0.1.0.
  assertEquals(first[0].examples, [0, 1, 34, 38]);
  assertEquals(first[0].draw, 0.1260315820118052);
});

for (const options of [{}, { seed: 42 }, { loaderSeed: 3 }]) {
  const name = JSON.stringify(options);
  testTensors(`Learner.train({ from }) continues the second training, with ${name}`, async () => {
    using model = new Line();
    let from: RunCheckpoint | undefined;
    const program = programOf(model, options, [{
      async afterBatch(learner: Learner) {
        if (learner.trainings === 2 && learner.batchIndex === 4) from = await learner.checkpoint();
      },
    }]);
    const [, second, third] = await trainings(program, 3);
    const other = programOf(model, "seed" in options ? { seed: 42 } : options);
    assert(from);
    await other.learner.train({ from });
    const rest = other.drawn.splice(0);
    assertEquals(
      rest.map(({ examples }) => examples),
      second.slice(5).map(({ examples }) => examples),
    );
    await other.learner.train();
    const next = other.drawn.map(({ examples }) => examples);
    assertEquals(next, third.map(({ examples }) => examples));
    if ("seed" in options) assertEquals([rest, other.drawn], [second.slice(5), third]);
  });
}

import { assertEquals, assertThrows } from "@std/assert";
import { CancelEpoch, DataLoader, type Learner, type RunCheckpoint, tf } from "../../mod.ts";
import { LimitBatches } from "../../callbacks.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { Line, tinyLearner } from "../fixtures/tiny_learner.ts";

type Batches = () => Iterable<[tf.Tensor, tf.Tensor]>;

/** A loader of batches 0, 1, 2, …, and the number of times it was opened. */
function counting(end = Infinity): { loader: Batches; opened: () => number; open: () => number } {
  let opened = 0, closed = 0;
  return {
    opened: () => opened,
    open: () => opened - closed,
    *loader() {
      opened++;
      try {
        for (let batch = 0; batch < end; batch++) {
          yield [tf.tensor2d([[batch]]), tf.tensor2d([[0]])];
        }
      } finally {
        closed++;
      }
    },
  };
}

function learnerOf(model: Line, train: unknown, callbacks: object[] = []) {
  const seen: number[][] = [];
  const { learner } = tinyLearner({
    model,
    dataloaders: { train } as never,
    callbacks: [{
      beforeEpoch: () => void seen.push([]),
      beforeBatch: ({ data }: Learner) => void seen.at(-1)!.push(data.dataSync()[0]),
    }, ...callbacks],
  });
  learner.limits.train = 3;
  learner.continueLoader = true;
  return { learner, seen };
}

testTensors("continueLoader cuts an endless loader into epochs, and opens it once", async () => {
  using model = new Line();
  const { loader, opened, open } = counting();
  const { learner, seen } = learnerOf(model, loader);
  await learner.train({ epochs: 3 });
  assertEquals(seen, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]);
  assertEquals([opened(), open()], [1, 0]);
});

testTensors(
  "LimitBatches cuts an endless loader into epochs, and puts everything back",
  async () => {
    using model = new Line();
    const { loader, opened, open } = counting();
    const limit = new LimitBatches({ train: 2, continueLoader: true });
    const { learner, seen } = learnerOf(model, loader, [limit]);
    learner.continueLoader = false;
    await learner.train({ epochs: 2 });
    assertEquals(seen, [[0, 1], [2, 3]]);
    assertEquals([opened(), open()], [1, 0]);
    assertEquals([learner.limits, learner.continueLoader], [{ train: 3 }, false]);
    assertThrows(() => new LimitBatches({ continueLoader: 1 as never }), TypeError, "a boolean");
  },
);

testTensors("continueLoader opens a loader again that has ended", async () => {
  using model = new Line();
  const { loader, opened, open } = counting(5);
  const { learner, seen } = learnerOf(model, loader);
  await learner.train({ epochs: 3 });
  assertEquals(seen, [[0, 1, 2], [3, 4], [0, 1, 2]]);
  assertEquals([opened(), open()], [2, 0]);
});

testTensors("continueLoader continues after an epoch that was cancelled", async () => {
  using model = new Line();
  const { loader } = counting();
  const cut = {
    beforeBatch({ epoch, batchIndex }: Learner) {
      if (epoch === 0 && batchIndex === 1) throw new CancelEpoch();
    },
  };
  const { learner, seen } = learnerOf(model, loader, [cut]);
  await learner.train({ epochs: 2 });
  assertEquals(seen, [[0, 1], [2, 3, 4]]);
});

testTensors("continueLoader closes the loader of a run that fails", async () => {
  using model = new Line();
  const { loader, open } = counting();
  const { learner } = learnerOf(model, loader, [{
    afterEpoch() {
      throw new Error("broken");
    },
  }]);
  await learner.train({ epochs: 2 }).catch(() => {});
  assertEquals(open(), 0);
});

for (const kind of ["generator", "DataLoader"] as const) {
  testTensors(`a run with continueLoader resumes exactly, with a ${kind}`, async () => {
    const source = () =>
      kind === "generator" ? counting().loader : new DataLoader({
        dataset: Array.from({ length: 8 }, (_, index) => index),
        collate: (examples: number[]) => [
          tf.tensor2d(examples, [examples.length, 1]),
          tf.zeros([examples.length, 1]),
        ],
        batchSize: 1,
        shuffle: true,
        seed: 3,
      });
    using model = new Line();
    const taken: [RunCheckpoint, number][] = [];
    let batches = 0;
    const whole = learnerOf(model, source(), [{
      async afterBatch(learner: Learner) {
        batches++;
        taken.push([await learner.checkpoint(), batches]);
      },
      async afterEpoch(learner: Learner) {
        taken.push([await learner.checkpoint(), batches]);
      },
    }]);
    await whole.learner.train({ epochs: 4 });
    const expected = whole.seen.flat();
    const weights = model.weights;
    assertEquals(expected.length, kind === "generator" ? 12 : 11);
    for (const [from, place] of taken) {
      const resumed = learnerOf(model, source());
      resumed.seen.push([]);
      await resumed.learner.train({ from });
      assertEquals(resumed.seen.flat(), expected.slice(place));
      assertEquals(model.weights, weights);
    }
  });
}

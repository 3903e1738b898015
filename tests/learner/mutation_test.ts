import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CancelTrain, type Learner, meanSquaredError, sgd, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, loaders, tinyLearner } from "../fixtures/tiny_learner.ts";

testTensors("Learner.epochs and Learner.epoch are obeyed when a callback sets them", async () => {
  using model = new Line();
  const epochs: number[] = [];
  const { learner } = tinyLearner({
    model,
    callbacks: [{
      afterEpoch(learner) {
        epochs.push(learner.epoch);
        if (epochs.length === 1) learner.epochs = 4;
        if (epochs.length === 2) learner.epoch = 2;
      },
    }],
  });
  const { epochs: behind } = await learner.train({ epochs: 1 });
  assertEquals(epochs, [0, 1, 3]);
  assertEquals(behind, 4);
});

testTensors("Learner.validationEpochs is obeyed when a callback sets it", async () => {
  using model = new Line();
  const validated: number[] = [];
  const { learner } = tinyLearner({
    model,
    callbacks: [{
      beforeTrain: (learner) => void (learner.validationEpochs = 2),
      beforeValidate: ({ epoch }) => void validated.push(epoch),
    }],
  });
  await learner.train({ epochs: 5 });
  assertEquals(validated, [1, 3]);
});

testTensors("Learner.dataloaders are obeyed when a callback sets them", async () => {
  using model = new Line();
  const sizes: number[] = [];
  const { learner } = tinyLearner({
    model,
    dataloaders: { train: () => batches(1) },
    callbacks: [{
      beforeBatch: ({ data }) => void sizes.push(data.shape[0]),
      beforeValidationBatch: ({ data }) => void sizes.push(10 + data.shape[0]),
      afterEpoch(learner) {
        learner.dataloaders.train = () => batches(2);
        learner.dataloaders.validation = () => batches(3);
      },
    }],
  });
  await learner.train({ epochs: 2 });
  assertEquals(sizes, [1, 13, 2, 13]);
});

testTensors(
  "Learner.model, optimizer and lossFunction are obeyed when a callback sets them",
  async () => {
    using model = new Line();
    using other = new Line();
    let losses = 0;
    const { learner } = tinyLearner({
      model,
      dataloaders: { train: () => batches(1, 1) },
      callbacks: [{
        afterBatch(learner) {
          if (learner.batchIndex === 1) return;
          learner.model = other;
          learner.optimizer = sgd(0);
          learner.lossFunction = (predictions, labels) => {
            losses++;
            return meanSquaredError(predictions, labels);
          };
        },
      }],
    });
    await learner.train();
    assertEquals(other.calls, [true]);
    assertEquals(other.weights, [0, 0]);
    assertEquals(losses, 1);
  },
);

testTensors("Learner.learningRate is obeyed when a callback sets it", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    optimizer: sgd(0.5),
    callbacks: [{ beforeStep: (learner) => void (learner.learningRate = 0) }],
  });
  await learner.train();
  assertEquals(model.weights, [0, 0]);
});

testTensors(
  "Learner.data and labels are obeyed and disposed when a callback sets them",
  async () => {
    using model = new Line();
    // x = 3, y = 5 and weights 0: the loss is 25 and its gradient is -2 * 5 * [3, 1].
    const { learner } = tinyLearner({
      model,
      dataloaders: { train: () => batches(4) },
      callbacks: [{
        beforeBatch(learner: Learner) {
          learner.data = tf.tensor2d([[3]]);
          learner.labels = tf.tensor2d([[5]]);
        },
      }],
    });
    const { trainLoss } = await learner.train();
    assertEquals(trainLoss, 25);
    assertAlmostEquals(model.weights[0], 3, 1e-5);
    assertAlmostEquals(model.weights[1], 1, 1e-5);
  },
);

testTensors(
  "Learner.predictions and loss are differentiated when a callback sets them",
  async () => {
    using model = new Line();
    const { learner } = tinyLearner({
      model,
      dataloaders: {
        *train() {
          yield [tf.tensor2d([[0]]), tf.tensor2d([[4]])];
        },
      },
      callbacks: [{
        beforeBatch: (learner: Learner) => void (learner.data = tf.tensor2d([[3]])),
        // Predictions are 0 + 2 and 4 is wanted: a loss of 4 and, halved, a gradient of -2.
        afterPredict: (learner: Learner) => void (learner.predictions = learner.predictions.add(2)),
        afterLoss: (learner: Learner) => void (learner.loss = learner.loss.div(2)),
      }],
    });
    learner.dataloaders.train = function* () {
      yield [tf.tensor2d([[0]]), tf.tensor2d([[4]])];
    };
    const { trainLoss } = await learner.train();
    assertEquals(trainLoss, 2);
    assertAlmostEquals(model.weights[0], 0.1 * 2 * 3, 1e-6);
    assertAlmostEquals(model.weights[1], 0.1 * 2, 1e-6);
  },
);

testTensors("Learner.gradients are applied and disposed when a callback sets them", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    dataloaders: { train: () => batches(1) },
    callbacks: [{
      afterBackward(learner) {
        const { slope, offset } = model;
        learner.gradients = { [slope.name]: tf.scalar(-1), [offset.name]: tf.scalar(-2) };
      },
    }],
  });
  await learner.train();
  assertAlmostEquals(model.weights[0], 0.1, 1e-6);
  assertAlmostEquals(model.weights[1], 0.2, 1e-6);
});

testTensors(
  "Learner.gradients are applied and disposed when a callback sets one by its name",
  async () => {
    using model = new Line();
    const { learner } = tinyLearner({
      model,
      dataloaders: { train: () => batches(1, 2) },
      callbacks: [{
        afterBackward({ gradients }) {
          for (const name in gradients) gradients[name] = gradients[name].mul(0);
        },
      }],
    });
    await learner.train();
    assertEquals(model.weights, [0, 0]);
  },
);

testTensors("Learner.loss counts as a callback left it", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    dataloaders: loaders({ train: [1, 1] }),
    callbacks: [{ afterStep: (learner: Learner) => void (learner.loss = tf.scalar(7)) }],
  });
  assertEquals((await learner.train()).trainLoss, 7);
});

testTensors(
  "Learner keeps what a callback put for predictions and loss until the after hook",
  async () => {
    using model = new Line();
    const after = (learner: Learner) => {
      assertEquals([...learner.predictions.dataSync()], [8]);
      assertEquals(learner.loss.dataSync()[0], 5);
    };
    const { learner } = tinyLearner({
      model,
      dataloaders: loaders({ train: [1] }),
      callbacks: [{
        afterPredict(learner: Learner) {
          learner.predictions = learner.predictions.mul(0).add(8);
        },
        afterLoss(learner: Learner) {
          learner.loss = learner.loss.mul(0).add(5);
        },
        afterBatch: after,
        afterValidationBatch: after,
        afterTestBatch: after,
      }],
    });
    const { trainLoss, validationLoss, testLoss } = await learner.train();
    assertEquals([trainLoss, validationLoss, testLoss], [5, 5, 5]);
  },
);

/** Values that are no numbers of batches and epochs. */
const WRONG = [NaN, -1, 1.5, Infinity, "3", null] as never[];

for (
  const field of ["epochs", "epoch", "validationEpochs", "validationBatches", "batchesPerUpdate"]
) {
  testTensors(`Learner.${field} refuses a wrong number that a callback sets`, async () => {
    for (const value of WRONG) {
      const isEndless = value === Infinity && ["epochs", "validationEpochs"].includes(field);
      if (isEndless) continue;
      using model = new Line();
      const { learner } = tinyLearner({
        model,
        callbacks: [{
          afterEpoch: (learner) =>
            void ((learner as unknown as Record<string, number>)[field] = value),
        }],
      });
      const error = await assertRejects(() => learner.train({ epochs: 3 }), RangeError);
      assertStringIncludes(
        error.message,
        `Cannot set learner.${field} as it must be an integer >=`,
      );
      assertStringIncludes(error.stack!, "afterEpoch (epoch 0");
      assertEquals(learner.epoch, 0);
    }
  });
}

testTensors("Learner.limits refuse a wrong number once they are used", async () => {
  for (const value of WRONG.slice(0, -1)) {
    using model = new Line();
    const { learner } = tinyLearner({
      model,
      callbacks: [{ beforeEpoch: (learner) => void (learner.limits.train = value) }],
    });
    const error = await assertRejects(() => learner.train({ epochs: 3 }), RangeError);
    assertStringIncludes(
      error.message,
      "Cannot set learner.limits.train as it must be an integer >= 1",
    );
  }
});

testTensors(
  "Learner's parts refuse values of a wrong kind where a callback sets them",
  async () => {
    const required: Record<string, string> = {
      model: "a tf.LayersModel or { apply, trainableVariables }",
      optimizer: "a tf.Optimizer",
      lossFunction: "a function",
      callbacks: "an array",
    };
    for (const [name, kind] of Object.entries(required)) {
      for (const value of [undefined, "mse", {}]) {
        using model = new Line();
        const { learner } = tinyLearner({
          model,
          callbacks: [{
            beforeBatch: (learner) =>
              void ((learner as unknown as Record<string, unknown>)[name] = value),
          }],
        });
        const error = await assertRejects(() => learner.train(), TypeError);
        assertStringIncludes(
          error.message,
          `Cannot set learner.${name} as it must be ${kind}: current`,
        );
        assertStringIncludes(error.stack!, "beforeBatch (epoch 0, batch 0)");
      }
    }
  },
);

testTensors("Learner.epochs of Infinity are trained until a callback ends them", async () => {
  using model = new Line();
  let validations = 0;
  const { learner } = tinyLearner({
    model,
    callbacks: [{
      beforeTrain(learner) {
        learner.epochs = learner.validationEpochs = Infinity;
      },
      beforeValidate: () => void validations++,
      afterEpoch({ epoch }) {
        if (epoch === 4) throw new CancelTrain("enough");
      },
    }],
  });
  const { status, reason, epochs } = await learner.train();
  assertEquals([status, reason, epochs, validations], ["cancelled", "enough", 5, 0]);
});

testTensors("a callback that disposes a loss or gradients of the Learner is an error", async () => {
  const disposals: [string, (learner: Learner) => void][] = [
    ["Cannot count the loss of the batch as it must be alive", ({ loss }) => loss.dispose()],
    ["must be alive: it is disposed", ({ gradients }) => void tf.dispose(gradients)],
  ];
  for (const [message, afterBackward] of disposals) {
    using model = new Line();
    const { learner } = tinyLearner({ model, callbacks: [{ afterBackward }] });
    await assertRejects(() => learner.train(), TypeError, message);
  }
});

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Callback, type Learner, meanSquaredError, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { Line, tinyLearner } from "../fixtures/tiny_learner.ts";

const MINIAI = {
  predict: "predict",
  get_loss: "loss",
  getLoss: "loss",
  backward: "gradients",
  step: "update",
};

for (const [method, stage] of Object.entries(MINIAI)) {
  Deno.test(`new Learner() names the stage that a callback's ${method}() stands for`, () => {
    assertThrows(
      () => tinyLearner({ callbacks: [{ [method]() {} } as never] }),
      TypeError,
      `set learner.stages.${stage} in beforeTrain() instead`,
    );
  });
}

Deno.test("new Learner() refuses stages that do not exist, or are no functions", () => {
  const make = (stages: unknown) => () => tinyLearner({ model: new Line(), stages } as never);
  assertThrows(make({ backward() {} }), TypeError, "predict, loss, gradients, update only");
  assertThrows(make({ loss: 3 }), TypeError, "stages.loss must be a function");
});

testTensors("stages: miniai's TrainCB can be written as a callback", async () => {
  class Train extends Callback {
    override beforeTrain(learner: Learner) {
      learner.stages.predict = ({ model, data }, { training }) =>
        (model as Line).apply(data, { training });
      learner.stages.loss = ({ predictions, labels }) => meanSquaredError(predictions, labels);
      learner.stages.gradients = ({ model }, forward) =>
        tf.variableGrads(forward, (model as Line).trainableVariables).grads;
      learner.stages.update = ({ optimizer, gradients }) => optimizer.applyGradients(gradients);
    }
  }
  using plain = new Line();
  using own = new Line();
  const expected = await tinyLearner({ model: plain }).learner.train({ epochs: 3 });
  const learner = tinyLearner({ model: own, callbacks: [new Train()] }).learner;
  const actual = await learner.train({ epochs: 3 });
  assertEquals(actual, expected);
  assertEquals(own.weights, plain.weights);
});

testTensors("stages: a denoising model predicts the noise that its callback adds", async () => {
  /** Ho et al., "Denoising Diffusion Probabilistic Models", 2020: data and target are replaced. */
  class Denoising extends Callback {
    override beforeBatch(learner: Learner) {
      const noise = tf.onesLike(learner.data);
      const noisy = learner.data.add(noise);
      learner.labels = noise;
      learner.data = noisy;
    }
    override beforeTrain(learner: Learner) {
      learner.stages.predict = ({ model, data }) => (model as Line).apply(data, { training: true });
    }
  }
  using model = new Line();
  const { learner } = tinyLearner({ model, callbacks: [new Denoising()] });
  await learner.train({ epochs: 400 });
  // The noise is always 1: the line has to become flat at 1.
  assertAlmostEquals(model.weights[0], 0, 0.05);
  assertAlmostEquals(model.weights[1], 1, 0.1);
});

testTensors(
  "stages: a consistency target comes from a second model without a gradient",
  async () => {
    /** Song et al., "Consistency Models", 2023: the target is the average of past weights. */
    class Consistency extends Callback {
      readonly teacher = new Line();
      override beforeTrain(learner: Learner) {
        learner.stages.loss = ({ data, predictions }) => {
          const target = this.teacher.apply(data, { training: false });
          return meanSquaredError(predictions, target);
        };
      }
      override afterStep(learner: Learner) {
        const { slope, offset } = learner.model as Line;
        for (const [mine, theirs] of [[this.teacher.slope, slope], [this.teacher.offset, offset]]) {
          tf.tidy(() => mine.assign(mine.mul(0.5).add(theirs.mul(0.5))));
        }
      }
    }
    using model = new Line();
    tf.tidy(() => model.offset.assign(tf.scalar(1)));
    const consistency = new Consistency();
    using teacher = consistency.teacher;
    const { learner } = tinyLearner({ model, callbacks: [consistency] });
    await learner.train({ epochs: 100 });
    assertAlmostEquals(model.weights[0], teacher.weights[0], 1e-3);
    assertAlmostEquals(model.weights[1], teacher.weights[1], 1e-3);
  },
);

testTensors("stages: gradients may be computed by hand, and are updated from", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    stages: {
      gradients(learner, forward) {
        forward();
        const { data, labels, predictions } = learner as Learner;
        const error = predictions.sub(labels).mul(2 / data.size);
        return {
          [model.slope.name]: error.mul(data).sum(),
          [model.offset.name]: error.sum(),
        };
      },
    },
  });
  using stock = new Line();
  await learner.train({ epochs: 5 });
  await tinyLearner({ model: stock }).learner.train({ epochs: 5 });
  for (const at of [0, 1]) assertAlmostEquals(model.weights[at], stock.weights[at], 1e-5);
});

testTensors("stages: the loss of an adversarial perturbation is a second gradient", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    stages: {
      loss({ data, labels, model }) {
        const at = (x: tf.Tensor) =>
          meanSquaredError((model as Line).apply(x, { training: true }), labels) as tf.Scalar;
        const slope = tf.grad(at)(data);
        return at(data).add(slope.square().mean());
      },
    },
  });
  const { trainLoss } = await learner.train({ epochs: 20 });
  assertEquals(Number.isFinite(trainLoss), true);
});

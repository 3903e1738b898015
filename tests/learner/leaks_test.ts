import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  adam,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  type HookName,
  type Learner,
  type LearnerOptions,
  meanSquaredError,
  sgd,
  tf,
} from "../../mod.ts";
import { HOOK_NAMES } from "../../chart.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, loaders, tinyLearner } from "../fixtures/tiny_learner.ts";

const boom = new Error("boom");
const thrown = [
  () => new CancelBatch(),
  () => new CancelEpoch(),
  () => new CancelTrain(),
  () => boom,
];

/** Makes each hook run at least once: something is cut short at each level. */
const cutting = [
  { afterStep: () => thrower(new CancelBatch()), hooks: ["onCancelBatch"] },
  { afterStep: () => thrower(new CancelEpoch()), hooks: ["onCancelEpoch"] },
  { afterValidationBatch: () => thrower(new CancelEpoch()), hooks: ["onCancelValidate"] },
  { afterTestBatch: () => thrower(new CancelEpoch()), hooks: ["onCancelTest"] },
  { afterStep: () => thrower(new CancelTrain()), hooks: ["onCancelTrain"] },
  { afterStep: () => thrower(new Error("first")), hooks: ["onError"] },
];

function thrower(error: Error): never {
  throw error;
}

for (const hook of HOOK_NAMES) {
  testTensors(
    `Learner leaves no tensor, whatever is thrown in ${hook}, at once or later`,
    async () => {
      const cut = cutting.find(({ hooks }) => hooks.includes(hook));
      const synchronous = hook === "afterPredict" || hook === "afterLoss";
      for (const make of thrown) {
        for (const late of synchronous ? [false] : [false, true]) {
          using model = new Line();
          let called = 0;
          const { learner } = tinyLearner({
            model,
            callbacks: [{
              [hook]: () => {
                called++;
                if (late) return Promise.resolve().then(() => thrower(make()));
                throw make();
              },
            }, ...(cut ? [cut] : [])],
          });
          const ended = await learner.train().catch((error: Error) => error);
          assert(called > 0, "the hook did not run");
          if (hook !== "onError") assertEquals(make() === boom, ended === boom);
          assertEquals(learner.phase, "idle");
          assert(learner.data === undefined && learner.loss === undefined);
          learner.callbacks = [];
          assertEquals((await learner.train()).status, "completed", "a run after it");
        }
      }
    },
  );
}

type Failing = (nth: number) => Partial<LearnerOptions> & { model?: Line };

/** Parts that throw at their n-th use. */
const failing: Record<string, Failing> = {
  "the model": (nth) => {
    const model = new Line();
    const apply = model.apply.bind(model);
    model.apply = (data, options) => {
      const predictions = apply(data.add(0), options);
      return model.calls.length > nth ? thrower(boom) : predictions;
    };
    return { model };
  },
  "the loss": (nth) => ({
    lossFunction: (predictions, labels) => {
      const loss = meanSquaredError(predictions.add(0), labels);
      return nth-- > 0 ? loss : thrower(boom);
    },
  }),
  "the gradient of the loss": (nth) => {
    const broken = tf.customGrad((x) => ({
      value: (x as tf.Tensor).clone(),
      gradFunc: () => nth-- > 0 ? tf.scalar(1) : thrower(boom),
    }));
    return {
      lossFunction: (predictions, labels) => broken(meanSquaredError(predictions, labels)),
    };
  },
  "the optimizer": (nth) => {
    const optimizer = sgd(0.1);
    const apply = optimizer.applyGradients.bind(optimizer);
    optimizer.applyGradients = (gradients) => nth-- > 0 ? apply(gradients) : thrower(boom);
    return { optimizer };
  },
  "the loader": (nth) => ({
    dataloaders: {
      *train() {
        yield* batches(...Array(nth).fill(1));
        throw boom;
      },
    },
  }),
  "an asynchronous loader": (nth) => ({
    dataloaders: {
      async *train() {
        await Promise.resolve();
        yield* batches(...Array(nth).fill(1));
        throw boom;
      },
    },
  }),
  "the validation's loader": (nth) => ({
    dataloaders: {
      train: loaders().train,
      *validation() {
        yield* batches(...Array(nth).fill(1));
        throw boom;
      },
    },
  }),
  "the function that makes a loader": () => ({ dataloaders: { train: () => thrower(boom) } }),
};

for (const [name, make] of Object.entries(failing)) {
  testTensors(`Learner.train() rejects with what ${name} threw and leaves no tensor`, async () => {
    for (const nth of [0, 1, 2]) {
      const { model = new Line(), ...options } = make(nth);
      const seen: string[] = [];
      const { learner } = tinyLearner({
        model,
        dataloaders: { train: () => batches(2, 1, 1) },
        callbacks: [{
          afterEpoch: () => void seen.push("afterEpoch"),
          afterTrain: () => void seen.push("afterTrain"),
          onError: () => void seen.push("onError"),
        }],
        ...options,
      });
      assertStrictEquals(await assertRejects(() => learner.train()), boom);
      assertEquals(seen, ["afterEpoch", "afterTrain", "onError"]);
      model[Symbol.dispose]();
    }
  });
}

testTensors(
  "Learner.train() rejects with what a loader's return() threw, and can train again",
  async () => {
    using model = new Line();
    let bad = true;
    const { learner } = tinyLearner({
      model,
      dataloaders: {
        *train() {
          try {
            yield* batches(1, 1);
          } finally {
            if (bad) thrower(boom);
          }
        },
      },
      callbacks: [{
        afterBatch() {
          if (bad) throw new CancelEpoch();
        },
      }],
    });
    assertStrictEquals(await assertRejects(() => learner.train()), boom);
    bad = false;
    assertEquals((await learner.train()).status, "completed");
  },
);

testTensors(
  "Learner.validate(), test() and predict() leave no tensor when the model throws",
  async () => {
    const runs = [
      (learner: Learner) => learner.validate(),
      (learner: Learner) => learner.test(),
      (learner: Learner) => learner.predict(() => batches(1, 1, 1)),
    ];
    for (const run of runs) {
      for (const nth of [0, 1, 2]) {
        const { model } = failing["the model"](nth);
        const { learner } = tinyLearner({
          model: model!,
          dataloaders: loaders({ validation: [1, 1, 1], test: [1, 1, 1] }),
        });
        assertStrictEquals(await assertRejects(() => run(learner)), boom);
        model![Symbol.dispose]();
      }
    }
  },
);

testTensors("Learner.train() leaves only what the model and the optimizer hold", async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 3, inputShape: [1] }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  const { learner } = tinyLearner({ model, optimizer: adam(0.1) });
  await learner.train();
  const held = tf.memory().numTensors;
  await learner.train({ epochs: 3 });
  assertEquals(tf.memory().numTensors, held);
  learner.optimizer.dispose();
  model.dispose();
});

testTensors("Learner disposes each batch after its last hook, and not before", async () => {
  using model = new Line();
  const kept: tf.Tensor[] = [];
  const check = (learner: Learner) => {
    const tensors = [learner.data, learner.labels, learner.predictions];
    assert([...tensors, learner.loss].every(({ isDisposed }) => !isDisposed));
    // The loss lives on in the running mean, until that is folded.
    kept.push(...tensors);
  };
  const replace = (learner: Learner) => {
    kept.push(learner.predictions, learner.loss);
    learner.predictions = learner.predictions.clone();
    learner.loss = learner.loss.clone();
  };
  const alive = () => assert(kept.every(({ isDisposed }) => isDisposed));
  const hooks: Partial<Record<HookName, (learner: Learner) => void>> = {
    afterStep: replace,
    afterBatch: check,
    afterValidationBatch: check,
    afterTestBatch: check,
    beforeBatch: alive,
    afterEpoch: alive,
    afterValidate: alive,
    afterTest: alive,
  };
  await tinyLearner({ model, callbacks: [hooks] }).learner.train();
  assertEquals(kept.length, 2 * 5 + 3 + 3);
});

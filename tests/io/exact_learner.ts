/**
 * A small run with everything in it that could make a resumed one differ: dropout, batch
 * normalisation, shuffling, a schedule, accumulated gradients, mixup, a moving average, patience.
 *
 * @module
 */
import {
  adamW,
  Callback,
  CancelBatch,
  CancelTrain,
  crossEntropy,
  DataLoader,
  HOOK_NAMES,
  keyedRandom,
  Learner,
  rmsprop,
  selectBackend,
  sgd,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";

export const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  sgd: () => sgd(0.1, { momentum: 0.9, nesterov: true }),
  adamW: () => adamW(0.01),
  rmsprop: () => rmsprop(0.01, { momentum: 0.5 }),
  stockAdam: () => tf.train.adam(0.01),
  stockMomentum: () => tf.train.momentum(0.1, 0.9),
  stockAdamax: () => tf.train.adamax(0.01),
};

class MixUp extends Callback {
  override beforeBatch(learner: Learner): void {
    const random = keyedRandom(learner.seed!, learner.epoch, learner.batchIndex, 77);
    learner.data = tf.tidy(() => {
      const part = 0.5 + random() / 2;
      return learner.data.mul(part).add(learner.data.reverse(0).mul(1 - part));
    });
  }
}

class Schedule extends Callback {
  #step = 0;
  override beforeStep(learner: Learner): void {
    learner.learningRate = 0.05 / (1 + 0.1 * this.#step++);
  }
  override state(): unknown {
    return { step: this.#step };
  }
  override restore({ step }: { step: number }): void {
    this.#step = step;
  }
}

class Accumulate extends Callback {
  #sum: tf.NamedTensorMap = {};
  #count = 0;
  override afterBackward(learner: Learner): void {
    const old = this.#sum;
    const entries = Object.entries(learner.gradients);
    this.#sum = Object.fromEntries(
      entries.map(([name, gradient]) => [name, old[name]?.add(gradient) ?? gradient.clone()]),
    );
    tf.dispose(old);
    if (++this.#count < 2) throw new CancelBatch();
    learner.gradients = this.#sum;
    this.#sum = {};
    this.#count = 0;
  }
  override afterTrain(): void {
    tf.dispose(this.#sum);
    this.#sum = {};
  }
  override state(): unknown {
    return { sum: this.#sum, count: this.#count };
  }
  override restore({ sum, count }: { sum: tf.NamedTensorMap; count: number }): void {
    this.#sum = sum;
    this.#count = count;
  }
}

class Average extends Callback {
  override priority = 20;
  #average: tf.Tensor[] = [];
  override afterBatch({ model }: Learner): void {
    const weights = (model as tf.LayersModel).trainableWeights.map((weight) => weight.read());
    const old = this.#average;
    this.#average = weights.map((weight, index) =>
      tf.tidy(() => old[index]?.mul(0.9).add(weight.mul(0.1)) ?? weight.clone())
    );
    tf.dispose(old);
  }
  override state(): unknown {
    return this.#average;
  }
  override restore(average: tf.Tensor[]): void {
    this.#average = average;
  }
  take(): tf.Tensor[] {
    return this.#average.splice(0);
  }
}

class Patience extends Callback {
  #best = Infinity;
  #since = 0;
  override afterValidate({ validationLoss }: Learner): void {
    this.#since = validationLoss < this.#best ? 0 : this.#since + 1;
    this.#best = Math.min(this.#best, validationLoss);
    if (this.#since > 5) throw new CancelTrain("no better");
  }
  override state(): unknown {
    return { best: this.#best, since: this.#since };
  }
  override restore({ best, since }: { best: number; since: number }): void {
    this.#best = best;
    this.#since = since;
  }
}

/** Writes down every hook, and in after hooks of a batch the bytes of its loss. */
export class Log extends Callback {
  override priority = 10;
  readonly lines: string[] = [];
}
for (const hook of HOOK_NAMES) {
  Log.prototype[hook] = function (this: Log, { phase, epoch, batchIndex, loss }: Learner) {
    const line = `${hook} ${phase} ${epoch} ${batchIndex}`;
    this.lines.push(/^after.*Batch$/.test(hook) ? `${line} ${hex(loss)}` : line);
  };
}

function hex(tensor: tf.Tensor): string {
  return new Uint8Array((tensor.dataSync() as Float32Array).slice().buffer).toHex();
}

/** Runs it, from a checkpoint if one is given, and disposes everything. */
export async function exactRun(
  options: { optimizer: string; from?: string; callbacks?: Callback[]; log?: Log },
): Promise<{ lines: string[]; weights: string[]; result: string }> {
  const { optimizer: name, from, callbacks = [], log = new Log() } = options;
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 6, inputShape: [3], activation: "relu" }),
        tf.layers.batchNormalization(),
        tf.layers.dropout({ rate: 0.3 }),
        tf.layers.gaussianNoise({ stddev: 0.1 }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const random = keyedRandom(7);
  const dataset = new TensorDataset({
    data: { values: Float32Array.from({ length: 60 }, random), shape: [20, 3] },
    labels: {
      values: Int32Array.from({ length: 20 }, () => Math.floor(random() * 2)),
      shape: [20],
    },
  });
  const validation = new DataLoader({ dataset, batchSize: 12 });
  const average = new Average();
  const optimizer = OPTIMIZERS[name]();
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: (predictions, labels) => crossEntropy(predictions, labels),
    dataloaders: {
      train: new DataLoader({ dataset, batchSize: 6, shuffle: true }),
      validation,
      test: validation,
    },
    callbacks: [
      new MixUp(),
      new Schedule(),
      new Accumulate(),
      average,
      new Patience(),
      log,
      ...callbacks,
    ],
    seed: 42,
  });
  const result = await learner.train(from ? { from } : { epochs: 2 });
  const averages = average.take();
  const weights = [...model.getWeights(), ...averages].map(hex);
  tf.dispose(averages);
  optimizer.dispose();
  model.dispose();
  dataset[Symbol.dispose]();
  return { lines: log.lines, weights, result: JSON.stringify(result) };
}

if (import.meta.main) {
  const [prefer, optimizer, ...paths] = Deno.args;
  await selectBackend({ prefer: prefer as "cpu", quiet: true });
  const runs = [];
  for (const from of paths) runs.push(await exactRun({ optimizer, from }));
  console.log(JSON.stringify(runs));
}

import { assertEquals } from "@std/assert";
import {
  type CallbackLike,
  type HookName,
  Learner,
  type LearnerOptions,
  meanSquaredError,
  type Model,
  sgd,
  tf,
} from "../../mod.ts";
import { HOOK_NAMES } from "../../chart.ts";

/** Registers a test that must leave as many tensors as there were. */
export function testTensors(name: string, test: () => void | Promise<void>): void {
  Deno.test(name, async () => {
    const before = tf.memory().numTensors;
    await test();
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });
}

/** A weight, and nothing but the weight: no initial tensor to dispose. */
export function weight(value: tf.TensorLike = 0): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor(value)));
}

/** The smallest model: `slope * x + offset`. */
export class Line implements Model<tf.Tensor, tf.Tensor>, Disposable {
  readonly slope: tf.Variable = weight(0);
  readonly offset: tf.Variable = weight(0);
  /** Whether each call was one of training, in order. */
  readonly calls: boolean[] = [];

  get trainableVariables(): tf.Variable[] {
    return [this.slope, this.offset];
  }

  /** Slope and offset, as numbers. */
  get weights(): number[] {
    return [this.slope.dataSync()[0], this.offset.dataSync()[0]];
  }

  apply(data: tf.Tensor, { training }: { training: boolean }): tf.Tensor {
    this.calls.push(training);
    return data.mul(this.slope).add(this.offset);
  }

  [Symbol.dispose](): void {
    tf.dispose([this.slope, this.offset]);
  }
}

/** Fresh batches `data: [size, 1]`, `labels: [size, 1]` of y = 2x + 1, of the given sizes. */
export function* batches(...sizes: number[]): Generator<[tf.Tensor, tf.Tensor]> {
  let x = 0;
  for (const size of sizes) {
    const xs = Array.from({ length: size }, () => x++ / 4);
    yield [tf.tensor2d(xs, [size, 1]), tf.tensor2d(xs.map((x) => 2 * x + 1), [size, 1])];
  }
}

/** Loaders that can be read any number of times. */
export function loaders(
  { train = [2, 1], validation = [1], test = [1] }: {
    train?: number[];
    validation?: number[];
    test?: number[];
  } = {},
) {
  return {
    train: () => batches(...train),
    validation: () => batches(...validation),
    test: () => batches(...test),
  };
}

/** A Learner of a line. */
export function learnerOf(
  model: Model<tf.Tensor, tf.Tensor> | tf.LayersModel,
  options: Partial<LearnerOptions> = {},
): Learner {
  return new Learner({
    model,
    optimizer: sgd(0.1),
    lossFunction: meanSquaredError,
    dataloaders: loaders(),
    ...options,
  });
}

/** A callback on every hook. */
export function onEveryHook(
  call: (hook: HookName, learner: Learner) => void,
  priority = 0,
): CallbackLike {
  return {
    priority,
    ...Object.fromEntries(
      HOOK_NAMES.map((hook) => [hook, (learner: Learner) => call(hook, learner)]),
    ),
  };
}

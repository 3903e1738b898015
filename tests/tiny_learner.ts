/**
 * The smallest Learner that trains: one scalar weight, batches of one number. All that its tests
 * ask is when things happen.
 *
 * @module
 */
import { type CallbackLike, HOOK_NAMES, type HookName, Learner, tf } from "../mod.ts";

await tf.setBackend("cpu");

/** A Learner of any kind of batches, as callbacks see it. */
// deno-lint-ignore no-explicit-any -- what a hook is given
export type AnyLearner = Learner<any, any, any>;

const weight = tf.variable(tf.scalar(0.5), true, "weight");
const optimizer = tf.train.sgd(0.01);

/** How many batches each loader yields; a loader that is left out is missing. */
export interface Sizes {
  train?: number;
  validation?: number;
  test?: number;
}

/** A batch of one example, which belongs to whoever asked for it. */
export function tinyBatch(): [tf.Tensor, tf.Tensor] {
  return [tf.tensor1d([1]), tf.tensor1d([2])];
}

/** A loader that makes `count` batches, synchronously. */
export function tinyLoader(count: number): () => Iterable<[tf.Tensor, tf.Tensor]> {
  return function* () {
    for (let index = 0; index < count; index++) yield tinyBatch();
  };
}

/** A Learner of one weight, on loaders of some sizes. */
export function tinyLearner(
  sizes: Sizes,
  callbacks: CallbackLike[] = [],
  options: Partial<ConstructorParameters<typeof Learner>[0]> = {},
): AnyLearner {
  return new Learner<tf.Tensor, tf.Tensor, tf.Tensor>({
    model: { apply: (data: tf.Tensor) => data.mul(weight), trainableVariables: [weight] },
    optimizer,
    lossFunction: (predictions, labels) => predictions.sub(labels).mean(),
    dataloaders: Object.fromEntries(
      Object.entries(sizes).map(([name, count]) => [name, tinyLoader(count)]),
    ),
    callbacks,
    ...options as object,
  });
}

/** One call of a hook, and what the callback saw of the Learner. */
export interface Heard {
  readonly hook: HookName;
  readonly callback: number;
  readonly cancelled: readonly string[];
  readonly phase: string;
  readonly epoch: number;
  readonly batch: number;
}

/** A callback on every hook: writes down what it hears, then does as told. */
export function recorder(
  heard: Heard[],
  act: (hook: HookName, learner: AnyLearner) => unknown = () => {},
  { id = 0, priority = 0 } = {},
): CallbackLike {
  const hooks = Object.fromEntries(HOOK_NAMES.map((hook) => [hook, (learner: AnyLearner) => {
    const { phase, epoch, batchIndex: batch } = learner;
    heard.push({
      hook,
      callback: id,
      cancelled: [...learner.cancelled].sort(),
      phase,
      epoch,
      batch: hook.includes("Batch") ? batch : 0,
    });
    return act(hook, learner);
  }]));
  return { name: `recorder ${id}`, priority, ...hooks };
}

/** Which phase an after hook closes. */
const CLOSES: Partial<Record<HookName, string>> = {
  afterBatch: "batch",
  afterEpoch: "epoch",
  afterValidationBatch: "batch",
  afterValidate: "validate",
  afterTestBatch: "batch",
  afterTest: "test",
  afterTrain: "train",
};

/**
 * What was heard, in one line; an after hook that sees its phase in `cancelled` has a star.
 */
export function inOneLine(heard: readonly Heard[]): string {
  return heard.map(({ hook, cancelled }) => {
    const phase = CLOSES[hook];
    return phase && cancelled.includes(phase) ? `${hook}*` : hook;
  }).join(" ");
}

/** Settles as a promise does, but rejects when it takes too long: a hang must not stop the suite. */
export async function within<T>(limit: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs: not done after ${limit} ms`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How many tensors are left over by `work`. */
export async function leftBy(work: () => Promise<unknown>): Promise<number> {
  const before = tf.memory().numTensors;
  await work();
  return tf.memory().numTensors - before;
}

/** The phase that each before and after hook opens or closes, and those that it may be in. */
const BRACKETS: Record<string, { phase: string; in: (string | undefined)[] }> = {
  Train: { phase: "train", in: [undefined] },
  Epoch: { phase: "epoch", in: ["train"] },
  Batch: { phase: "batch", in: ["epoch"] },
  Validate: { phase: "validate", in: ["train", undefined] },
  ValidationBatch: { phase: "validation batch", in: ["validate"] },
  Test: { phase: "test", in: [undefined] },
  TestBatch: { phase: "test batch", in: ["test"] },
};

/**
 * Checks that phases nest: each is opened where it belongs, closed once, and all inside it before
 * it. The before hook of a phase may be missing where the phase was cut short at once.
 *
 * @throws {Error} at the first hook that is out of place.
 */
export function checkNesting(hooks: readonly HookName[]): void {
  const open: string[] = [];
  for (const [index, hook] of hooks.entries()) {
    const bracket = BRACKETS[hook.replace(/^(before|after)/, "")];
    if (!bracket) continue;
    const innermost = open.at(-1);
    const wrong = hook.startsWith("before")
      ? !bracket.in.includes(innermost)
      : innermost === bracket.phase
      ? false
      : open.includes(bracket.phase) || !bracket.in.includes(innermost);
    if (wrong) throw new Error(`${hook} is out of place: ${hooks.slice(0, index + 1).join(" ")}`);
    if (hook.startsWith("before")) open.push(bracket.phase);
    else if (innermost === bracket.phase) open.pop();
  }
  if (open.length > 0) throw new Error(`${open} was never closed: ${hooks.join(" ")}`);
}

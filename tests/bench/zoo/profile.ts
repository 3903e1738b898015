import { adam, Learner, type NativeName, selectBackend, tf } from "../../../mod.ts";
import { ZOO } from "./models.ts";

/** Number of steps whose times are compared. */
const STEPS = 8;

interface Time {
  calls: number;
  ms: number;
}

/** Options of a profile. */
export interface ProfileOptions {
  /** A native library. Default: none. */
  readonly native?: NativeName;
  /** Number of examples. Default: the model's own. */
  readonly batch?: number;
  /** Whether a prediction is measured instead of a training step. Default: a training step. */
  readonly predict?: boolean;
}

/**
 * Measures a training step or a prediction by kernels, each without the kernels that it calls
 * itself. Of several steps the lower quartile is taken, which a busy machine disturbs least.
 *
 * @returns A table: the time of each kernel, and the time in JavaScript outside kernels.
 */
export async function profile(name: string, options: ProfileOptions = {}): Promise<string> {
  await selectBackend({ prefer: "wasm", native: options.native, quiet: true });
  const { batch, data, labels, build, loss } = ZOO[name];
  const size = options.batch || batch;
  const [x, y] = [data(size), labels(size)];
  const dataloaders = { train: [[x, y]] };
  // A step that is played back calls no kernels of TensorFlow.js.
  const compile = false;
  const learner = new Learner(
    { model: build(), optimizer: adam(1e-3), lossFunction: loss, dataloaders, compile } as never,
  );
  const take = options.predict
    ? async () => tf.dispose(await learner.predict(x as tf.Tensor))
    : () => learner.train();
  for (let step = 0; step < STEPS; step++) await take();

  let times = new Map<string, Time>();
  let inKernels = 0;
  const nested: number[] = [];
  for (const kernel of [...tf.getKernelsForBackend("wasm")]) {
    tf.unregisterKernel(kernel.kernelName, "wasm");
    tf.registerKernel({
      ...kernel,
      kernelFunc(call) {
        const began = performance.now();
        nested.push(0);
        try {
          return kernel.kernelFunc(call);
        } finally {
          const total = performance.now() - began;
          const own = total - nested.pop()!;
          if (nested.length > 0) nested[nested.length - 1] += total;
          else inKernels += total;
          const time = times.get(kernel.kernelName) ?? { calls: 0, ms: 0 };
          times.set(kernel.kernelName, { calls: time.calls + 1, ms: time.ms + own });
        }
      },
    });
  }
  await take();
  const steps: { times: Map<string, Time>; wall: number; outside: number }[] = [];
  for (let step = 0; step < STEPS; step++) {
    times = new Map();
    inKernels = 0;
    const began = performance.now();
    await take();
    const wall = performance.now() - began;
    steps.push({ times, wall, outside: wall - inKernels });
  }
  const lower = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 2];
  const wall = lower(steps.map((step) => step.wall));
  const outside = lower(steps.map((step) => step.outside));
  const rows = [...steps[0].times.keys()].map((kernel) => ({
    kernel,
    calls: steps[0].times.get(kernel)!.calls,
    ms: lower(steps.map(({ times }) => times.get(kernel)?.ms ?? 0)),
  })).sort((a, b) => b.ms - a.ms);
  const line = (share: number, ms: number, calls: string, what: string) =>
    `${share.toFixed(1).padStart(5)} % ${ms.toFixed(3).padStart(9)} ms ${
      calls.padStart(6)
    }  ${what}`;
  tf.dispose([x, y]);
  return [
    `${name}, batch ${size}: ${wall.toFixed(2)} ms a step`,
    line(100 * outside / wall, outside, "", "JavaScript outside kernels"),
    ...rows.slice(0, 20).map(({ kernel, calls, ms }) =>
      line(100 * ms / wall, ms, `${calls} x`, kernel)
    ),
  ].join("\n");
}

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { RunningMean, type RunningMeanState } from "../../src/metrics/running_mean.ts";

const VALUES = Array.from({ length: 150 }, (_, i) => Math.sin(i) + 1);
const WEIGHTS = VALUES.map((_, i) => 1 + Math.floor(i / 50));

/** The mean in doubles, of values that are floats. */
function meanOf(from = 0): number {
  const floats = Float32Array.from(VALUES);
  const total = WEIGHTS.slice(from).reduce((a, b) => a + b);
  return VALUES.reduce((sum, _, i) => i < from ? sum : sum + floats[i] * WEIGHTS[i], 0) / total;
}

function add(mean: RunningMean, from: number, to: number, onDevice: boolean): void {
  for (let i = from; i < to; i++) {
    mean.add(tf.scalar(VALUES[i]), onDevice ? tf.scalar(WEIGHTS[i]) : WEIGHTS[i]);
  }
}

/** A state as a checkpoint keeps it: the tensors are copies. */
function copyOf(state: RunningMeanState): RunningMeanState {
  return {
    ...state,
    pending: state.pending.map((tensor) => tensor.clone()),
    ...state.sum && { sum: state.sum.clone() },
    ...state.totalOnDevice && { totalOnDevice: state.totalOnDevice.clone() },
  };
}

for (const onDevice of [false, true]) {
  const weights = onDevice ? "tensors" : "numbers";
  testOnBackends(
    `RunningMean weighs by ${weights}, and continues from a state`,
    async (backend) => {
      const mean = new RunningMean();
      assertEquals(await mean.read(), NaN);
      add(mean, 0, 90, onDevice);
      const state = copyOf(mean.state());
      add(mean, 90, 150, onDevice);
      const whole = await mean.read();
      assertAlmostEquals(whole, meanOf(), 1e-6);
      if (backend === "wasm") assertEquals(whole, meanOf(), "the sum is in doubles");
      const resumed = new RunningMean();
      resumed.restore(state);
      add(resumed, 90, 150, onDevice);
      assertEquals(await resumed.read(), whole, "bit for bit");
      mean.reset();
      resumed.reset();
      assertEquals(await mean.read(), NaN);
    },
  );
}

testOnBackends("RunningMean continues with the tensors of a state from cpu", async (backend) => {
  await tf.setBackend("cpu");
  const mean = new RunningMean();
  add(mean, 0, 90, false);
  const state = copyOf(mean.state());
  mean.reset();
  await tf.setBackend(backend);
  mean.restore(state);
  add(mean, 90, 150, false);
  assertAlmostEquals(await mean.read(), meanOf(), 1e-6);
  mean.reset();
});

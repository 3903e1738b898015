import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type AnyLearner, tf } from "../../mod.ts";
import { GradientClip, type GradientClipOptions } from "../../callbacks.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

/** Sizes whose last elements fill a vector, or do not. */
const SIZES = [1, 2, 3, 4, 7, 64, 1031];

const GIVEN = SIZES.map((size, at) =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(i * i + at) * 3)
);

/** Clips gradients; returns their elements. The given ones stay as they are. */
function clip(options: GradientClipOptions, given: readonly Float32Array[]): Float32Array[] {
  const gradients = Object.fromEntries(given.map((values, i) => [`w${i}`, tf.tensor1d(values)]));
  const learner = { gradients: { ...gradients } };
  new GradientClip(options).beforeStep(learner as unknown as AnyLearner);
  const clipped = Object.values(learner.gradients);
  assertEquals(Object.keys(learner.gradients), Object.keys(gradients));
  assertEquals(Object.values(gradients).map((tensor) => tensor.dataSync<"float32">()), [...given]);
  const values = clipped.map((tensor) => tensor.dataSync<"float32">().slice());
  tf.dispose([gradients, clipped]);
  return values;
}

/** The definition, in doubles. */
function expected({ value = Infinity, norm = Infinity }: GradientClipOptions): number[][] {
  const limited = GIVEN.map((values) =>
    Array.from(values, (x) => Math.min(Math.max(x, -value), value))
  );
  const length = Math.sqrt(limited.flat().reduce((sum, x) => sum + x * x, 0));
  const scale = Math.min(1, norm / length);
  return limited.map((values) => values.map((x) => x * scale));
}

for (const options of [{ value: 1.5 }, { norm: 10 }, { norm: 1e4 }, { value: 0.5, norm: 3 }]) {
  testOnBackends(`GradientClip(${JSON.stringify(options)}) clips by its definition`, () => {
    const wanted = expected(options);
    for (const [at, values] of clip(options, GIVEN).entries()) {
      values.forEach((value, i) => assertAlmostEquals(value, wanted[at][i], 3e-6));
    }
  });
}

testOnBackends("GradientClip({ norm }) leaves short gradients as they are, bit for bit", () => {
  assertEquals(clip({ norm: 1e4 }, GIVEN), GIVEN);
});

testOnBackends("GradientClip({ norm }) makes all gradients NaN where one is", () => {
  for (const values of clip({ norm: 1 }, [...GIVEN, Float32Array.of(0, NaN)])) {
    assert(values.every(Number.isNaN));
  }
});

testOnBackends("GradientClip({ value }) keeps NaN, and limits infinite numbers", () => {
  const [limited] = clip({ value: 2 }, [Float32Array.of(NaN, Infinity, -Infinity, 1, Infinity)]);
  assertEquals([...limited], [NaN, 2, -2, 1, 2]);
});

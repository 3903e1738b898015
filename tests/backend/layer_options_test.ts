import { assert, assertEquals, assertLess } from "@std/assert";
import { tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { LAYER_OPTIONS, type LayerOptions, NOT_SWEPT } from "./layer_options.ts";

// deno-lint-ignore no-explicit-any
type Any = any;
const factories = tf.layers as Any;

Deno.test("every factory of tf.layers is swept", () => {
  const swept = new Set([...LAYER_OPTIONS.map(({ name }) => name), ...Object.keys(NOT_SWEPT)]);
  assertEquals(Object.keys(tf.layers).filter((name) => !swept.has(name)), []);
});

function wave(shape: number[], seed: number): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  return tf.tensor(Array.from({ length: size }, (_, i) => Math.sin(i * i + i * 0.7 + seed)), shape);
}

/** The layer behind a dense one, where it does not take categories. */
function build({ shapes, takesCategories }: LayerOptions, layer: Any): tf.LayersModel {
  const inputs = shapes.map((shape) => tf.input({ shape }));
  const before = takesCategories
    ? inputs
    : inputs.map((input, i) =>
      tf.layers.dense({ units: shapes[i].at(-1)! }).apply(input) as tf.SymbolicTensor
    );
  const outputs = layer.apply(before.length > 1 ? before : before[0]);
  return tf.model({ inputs, outputs });
}

/** The configuration without what tfjs adds on the way. */
function configOf(layer: Any): string {
  return JSON.stringify(
    layer.getConfig(),
    (key, value) => key === "customObjects" ? undefined : value,
  );
}

/** Builds and trains a layer; compares gradients with differences if asked to. */
function check(row: LayerOptions, args: Any, compares: boolean): void {
  const layer = factories[row.name](args);
  const model = build(row, layer);
  if (compares) fixWeights(model);
  const data = row.shapes.map((shape, i) =>
    row.takesCategories
      ? tf.tensor(
        Array.from({ length: 2 * tf.util.sizeFromShape(shape) }, (_, j) => (j * 7) % 9),
        [2, ...shape],
      )
      : wave([2, ...shape], i)
  );
  const x = data.length > 1 ? data : data[0];
  const first = <T>(results: T | T[]): T => Array.isArray(results) ? results[0] : results;
  // The shape that the layer claims is that of its results.
  const claimed = first(model.outputs).shape;
  const result = first(model.predict(x) as tf.Tensor | tf.Tensor[]);
  assertEquals(result.shape.length, claimed.length, "rank");
  claimed.forEach((size, axis) => {
    if (axis > 0 && size !== null) assertEquals(result.shape[axis], size, `axis ${axis}`);
  });
  const loss = () => {
    const y = first(model.apply(x, { training: true }) as tf.Tensor | tf.Tensor[]).toFloat();
    const weights = tf.cos(tf.range(0, y.size).mul(1.3)).add(0.3).reshape(y.shape);
    const penalties: tf.Scalar[] = (model as Any).calculateLosses();
    return penalties.reduce<tf.Tensor>((a, b) => a.add(b), y.square().mul(weights).sum())
      .asScalar();
  };
  const weights = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  if (weights.length > 0) {
    const { grads } = tf.variableGrads(loss, weights);
    for (const weight of weights) {
      const slopes = grads[weight.name].dataSync();
      assert(slopes.every(Number.isFinite), `gradients by ${weight.name}: ${slopes}`);
      if (compares) compareWithDifference(weight, slopes, loss);
    }
    const optimizer = tf.train.sgd(0.01);
    optimizer.applyGradients(grads);
    optimizer.dispose();
  }
  // The configuration makes the same layer again.
  const again = layer.constructor.fromConfig(layer.constructor, JSON.parse(configOf(layer)));
  // A layer that is made again knows its dtype.
  const expected = JSON.parse(configOf(layer)), { dtype = "float32", ...rest } = expected;
  assertEquals(
    JSON.parse(configOf(again)),
    "dtype" in JSON.parse(configOf(again)) ? { ...rest, dtype } : rest,
  );
  model.dispose();
}

/** Replaces random weights, so that no difference meets a kink in one run only. */
function fixWeights(model: tf.LayersModel): void {
  model.weights.forEach((weight, i) => {
    const values = wave(weight.shape as number[], i).mul(0.7);
    // Variances and scales are positive.
    weight.write(/variance|gamma/.test(weight.name) ? values.abs().add(0.3) : values);
  });
}

function compareWithDifference(
  weight: tf.Variable,
  slopes: ArrayLike<number>,
  loss: () => tf.Scalar,
): void {
  const direction = wave(weight.shape, weight.size);
  const start = weight.clone();
  const at = (by: number) => {
    weight.assign(start.add(direction.mul(by)));
    const value = loss().dataSync()[0];
    weight.assign(start);
    return value;
  };
  let expected = 0, scale = 5e-2;
  direction.dataSync().forEach((d, i) => {
    expected += d * slopes[i];
    scale += Math.abs(d * slopes[i]);
  });
  const errors = [1e-3, 4e-3].map((step) =>
    Math.abs((at(step) - at(-step)) / (2 * step) - expected) / scale
  );
  assertLess(Math.min(...errors), 4e-2, `gradients by ${weight.name}`);
}

for (const row of LAYER_OPTIONS) {
  const label = `${row.name} of ${row.shapes.map((shape) => `[${shape}]`).join(" and ")}`;
  testOnBackends(`${label} can be built and trained with every option`, (backend) => {
    const variants = Object.entries(row.options).flatMap(([option, values]) =>
      values.map((value) => ({ option, args: { [option]: value } }))
    );
    for (const { option, args } of [{ option: "", args: {} }, ...variants]) {
      const isWeight = /Initializer|Constraint/.test(option);
      try {
        // The cpu backend is slow, and its gradients are compared elsewhere.
        const compares = backend === "wasm" && !isWeight && !row.isRandom;
        tf.tidy(() => check(row, { ...row.needed, ...args }, compares));
      } catch (error) {
        throw new Error(`${row.name} ${JSON.stringify(args)}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
  });
}

import { tf } from "../../deps/tfjs.ts";
import { type AnyLayer, layerClass } from "../fix_layers/layer_class.ts";

/** A normal distribution. */
export interface Normal {
  readonly mean: number;
  readonly deviation: number;
}

/** The distributions that layers of noise draw from. */
const NOISE: Readonly<Record<string, (layer: AnyLayer) => Normal>> = {
  GaussianNoise: ({ stddev }) => ({ mean: 0, deviation: stddev }),
  GaussianDropout: ({ rate }) => ({ mean: 1, deviation: Math.sqrt(rate / (1 - rate)) }),
};

/**
 * Does work, and adds the distributions of all layers of noise that it calls to a list: a model of a
 * user's own may hold layers anywhere.
 */
export function withNoise<T>(normals: Normal[], work: () => T): T {
  const classes = Object.entries(NOISE).map(([name, normalOf]) => {
    const { prototype } = layerClass(name);
    const { call } = prototype;
    prototype.call = function (...args: unknown[]) {
      normals.push(normalOf(this));
      return call.apply(this, args);
    };
    return { prototype, call };
  });
  try {
    return work();
  } finally {
    for (const { prototype, call } of classes) prototype.call = call;
  }
}

/** Random numbers, as a function of one draw from `Math.random`. */
export interface RecognizedDraw {
  /** For comparisons. */
  readonly name: string;
  /** Makes the numbers. */
  draw(value: number): tf.Tensor;
}

/**
 * Finds the distribution that random numbers were drawn from: TensorFlow.js seeds the generator of a
 * tensor with one draw from `Math.random`. It is proved by drawing all of them again.
 *
 * @param value The draw.
 * @param shape Shape of the tensor.
 * @param numbers The numbers.
 * @param normals The normal distributions that layers draw from; the standard one is known.
 */
export function recognizeDraw(
  value: number,
  shape: number[],
  numbers: Float32Array,
  normals: readonly Normal[],
): RecognizedDraw | undefined {
  const candidates: RecognizedDraw[] = [
    {
      name: `uniform [${shape}]`,
      draw: (value) => tf.randomUniform(shape, 0, 1, "float32", value),
    },
    ...[{ mean: 0, deviation: 1 }, ...normals].map(({ mean, deviation }) => ({
      name: `normal ${mean} ${deviation} [${shape}]`,
      draw: (value: number) => tf.randomNormal(shape, mean, deviation, "float32", value),
    })),
  ];
  return candidates.find(({ draw }) => {
    const again = tf.tidy(() => draw(value).dataSync<"float32">());
    return again.every((number, i) => Object.is(number, numbers[i]));
  });
}

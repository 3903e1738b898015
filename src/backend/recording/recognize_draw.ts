import { tf } from "../../deps/tfjs.ts";

/** A normal distribution. */
export interface Normal {
  readonly mean: number;
  readonly deviation: number;
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

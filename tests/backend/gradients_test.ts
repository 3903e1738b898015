import { assert, assertEquals, assertLess } from "@std/assert";
import { type BackendName, selectBackend, tf } from "../../mod.ts";
import { GRADIENT_CASES, type GradientCase } from "./gradient_cases.ts";
import { mixed } from "./sweep.ts";

const { state } = await Deno.permissions.query({ name: "read" });

/** Why a kernel of tfjs needs no gradient, or cannot have one. */
const WITHOUT: Record<string, string[]> = {
  "it makes no floats of floats": [
    ...["BroadcastArgs", "Draw", "Fill", "FromPixels", "LinSpace", "LowerBound", "Multinomial"],
    ...["NonMaxSuppressionV3", "NonMaxSuppressionV4", "RaggedRange", "Range", "SparseReshape"],
    ...[
      "StaticRegexReplace",
      "StringNGrams",
      "StringSplit",
      "StringToHashBucketFast",
      "UpperBound",
    ],
  ],
  "no function of tfjs runs it": ["LogSoftmax", "MatrixBandPart", "Pool"],
  "PyTorch has none either": [
    ...["NonMaxSuppressionV5", "RaggedGather", "RaggedTensorToTensor", "Unique"],
  ],
  "it is the gradient of a gradient whose parts have one": [
    ...["Dilation2DBackpropFilter", "Dilation2DBackpropInput", "EluGrad", "LRNGrad"],
    ...["MaxPool3DGrad", "MaxPoolGrad"],
  ],
};

/** Gradients that are reached by differentiating another one twice. */
const OF_GRADIENTS = [
  ...["AvgPool3DGrad", "AvgPoolGrad", "Conv2DBackpropFilter", "Conv3DBackpropFilterV2"],
  ...["DepthwiseConv2dNativeBackpropFilter", "DepthwiseConv2dNativeBackpropInput"],
  ...["ResizeBilinearGrad", "ResizeNearestNeighborGrad"],
];

Deno.test("every kernel of tfjs has a case here, or a reason to have none", () => {
  const known = new Set([
    ...GRADIENT_CASES.map(({ kernel }) => kernel),
    ...Object.values(WITHOUT).flat(),
    ...OF_GRADIENTS,
  ]);
  const kernels = ["cpu", "wasm"].flatMap((backend) =>
    tf.getKernelsForBackend(backend).map(({ kernelName }) => kernelName)
  );
  const missing = kernels.filter((name) => !known.has(name) && !name.startsWith("Trainchart"));
  assertEquals(missing, []);
});

/** The weighted sum of the results' squares, so that also what is linear has a second gradient. */
function total(y: tf.Tensor): tf.Scalar {
  const weights = Array.from({ length: y.size }, (_, i) => Math.cos(i * 1.7) + 0.3);
  return toFloat(y).flatten().square().mul(tf.tensor1d(weights)).sum().asScalar();
}

function toFloat(y: tf.Tensor): tf.Tensor {
  return y.dtype === "float32" ? y : y.toFloat();
}

/** A function of the case's inputs: its total, or a penalty on the gradients of that total. */
type Goal = (...inputs: tf.Tensor[]) => tf.Scalar;

function goals({ compute }: GradientCase): { first: Goal; second: Goal } {
  const first: Goal = (...inputs) => total(compute(...inputs));
  return {
    first,
    second: (...inputs) =>
      tf.grads(first)(inputs).map((slope, i) => slope.square().mul(i + 0.5).sum()).reduce((a, b) =>
        a.add(b)
      ).asScalar(),
  };
}

/** Compares the gradients of a goal with central differences, along several directions an input. */
function check(label: string, c: GradientCase, goal: Goal, tolerance: number): void {
  const values = c.shapes.map((shape) => (c.values ?? mixed)(tf.util.sizeFromShape(shape)));
  const tensors = (moved?: { input: number; direction: number[]; by: number }) =>
    c.shapes.map((shape, i) => {
      const { input, direction, by } = moved ?? { input: -1, direction: [], by: 0 };
      return tf.tensor(
        i === input ? values[i].map((x, j) => x + by * direction[j]) : values[i],
        shape,
        "float32",
      );
    });
  const gradients = tf.grads(goal)(tensors());
  gradients.forEach((gradient, input) => {
    assertEquals(gradient.shape, c.shapes[input], `${label}: shape of gradient ${input}`);
    const slopes = gradient.dataSync();
    assert(slopes.every(Number.isFinite), `${label}: gradient by input ${input} is ${slopes}`);
    for (const frequency of [0.9, 2.3, 0.11]) {
      const direction = values[input].map((_, j) => Math.sin(j * frequency + 1));
      const at = (by: number) => goal(...tensors({ input, direction, by })).dataSync()[0];
      // Small enough not to change which element is the largest; the better of two steps counts.
      const errors = [4e-3, 1e-2].map((step) => {
        const difference = (at(step) - at(-step)) / (2 * step);
        let expected = 0, scale = 1e-2;
        slopes.forEach((slope, j) => {
          expected += slope * direction[j];
          scale += Math.abs(slope * direction[j]);
        });
        return { error: Math.abs(difference - expected) / scale, difference, expected };
      }).sort((a, b) => a.error - b.error);
      const { error, difference, expected } = errors[0];
      assertLess(
        error,
        tolerance,
        `${label}: gradient by ${input} is ${expected}, not ${difference}`,
      );
    }
  });
}

for (const backend of ["cpu", "wasm"] satisfies BackendName[]) {
  Deno.test(
    `every gradient equals differences, and so does its own gradient [${backend}]`,
    { ignore: backend === "wasm" && state !== "granted" },
    async (t) => {
      for (const c of GRADIENT_CASES) {
        const label = [c.kernel, c.name].filter(Boolean).join(" ");
        await t.step(label, async () => {
          await selectBackend({ prefer: backend, quiet: true });
          const before = tf.memory().numTensors;
          tf.tidy(() => {
            const { first, second } = goals(c);
            check(label, c, first, 1e-2);
            check(`${label}, second order`, c, second, 3e-2);
          });
          assertEquals(tf.memory().numTensors, before, "tensors are left");
        });
      }
    },
  );
}

/** One wrong expectation of TensorFlow.js: why it is wrong, and the specs that share it. */
interface WrongExpectation {
  readonly reason: string;
  readonly specs: readonly string[];
}

/**
 * The wrong expectations. Each was compared with finite differences, or with every operation of
 * PyTorch that the operation may stand for: no choice of PyTorch's agrees with them.
 */
export const WRONG_EXPECTATIONS: readonly WrongExpectation[] = [
  {
    reason: "Mirrored pixels have gradients, too (finite differences).",
    specs: ["mirrorPad grad", "mirrorPad gradient with clones"],
  },
  {
    reason:
      "The mean leaves the padding out, so fewer pixels share a gradient (finite differences).",
    specs: ["avgPool gradient x=[3,3,1] f=[3,3] s=1 p=explicit"],
  },
  {
    reason: "NaN must not hide behind a number (PyTorch).",
    specs: [
      "maxPool [x=[3,3,1] f=[2,2] s=1 ignores NaNs",
      "maxPool3d x=[1,3,3,3,1] f=[2,2,2] s=1 p=valid, ignores NaNs",
    ],
  },
  {
    reason:
      "Equal elements share one gradient (PyTorch's max() and amax), or the first has it (max(dim)): " +
      "they do not have one each, as the embedding of a token that occurs twice would move twice.",
    specs: ["max", "min"].flatMap((name) =>
      [
        "gradient: 1D, ties",
        "gradient: ties, 2D, axes=-1, keepDims=false",
        "gradient: ties, 3D, axes=[1, 2], keepDims=false",
        "gradient: ties, 4D, axes=[1, 2, 3], keepDims=false",
        "gradient: ties, 4D, axes=[2, 3], keepDims=true",
      ].map((spec) => `${name} ${name} ${spec}`)
    ),
  },
  {
    reason:
      "Two equal operands have half of the gradient each (PyTorch's maximum, and max of two tensors).",
    specs: ["maximum", "minimum"].flatMap((name) =>
      ["Tensor1D", "Tensor2D"].map((rank) => `${name} gradients: ${rank}`)
    ),
  },
  {
    reason: "The gradient of a dilated convolution exists (finite differences).",
    specs: ["depthwiseConv2d gradients throws error on dilations > 1"],
  },
];

/** The reason why a spec is wrong, by the name of the spec. */
export const WRONG_SPECS: ReadonlyMap<string, string> = new Map(
  WRONG_EXPECTATIONS.flatMap(({ reason, specs }) =>
    specs.map((spec): [string, string] => [spec, reason])
  ),
);

/** Specs of TensorFlow.js that expect wrong results, and why those are wrong. */
const REASONS: { reason: string; specs: string[] }[] = [
  {
    reason: "Mirrored pixels have slopes, too (finite differences).",
    specs: ["mirrorPad grad", "mirrorPad gradient with clones"],
  },
  {
    reason: "The mean leaves the padding out, so fewer pixels share a slope (finite differences).",
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
    reason: "Equal elements share one slope; they do not have one each (PyTorch's amax and amin).",
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
    reason: "Two equal operands have half of the slope each (PyTorch).",
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
  REASONS.flatMap(({ reason, specs }) => specs.map((spec): [string, string] => [spec, reason])),
);

/**
 * The kernels of tfjs's WebAssembly backend that are right, and for which tensors.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import { isRepeated } from "./fix_cpu/fix_cpu.ts";
import type { Inputs } from "./kernels/kernel.ts";

// deno-lint-ignore no-explicit-any
type Trust = (inputs: Inputs, attributes: any) => boolean;

/** All inputs have the same dtype, one of these. */
function of(...dtypes: tf.DataType[]): Trust {
  return (inputs) => {
    let first: tf.DataType | undefined;
    for (const tensor of Object.values(inputs)) {
      if (tensor) first ??= tensor.dtype;
      if (tensor && (tensor.dtype !== first || !dtypes.includes(first))) return false;
    }
    return true;
  };
}

const floats = of("float32");
const numbers = of("float32", "int32");
const any = of("float32", "int32", "bool");

/** Kernels whose results the sweep in `tests/backend/dtypes_test.ts` found right, by name. */
export const TRUSTED_KERNELS: Record<string, Trust | undefined> = {
  Abs: numbers,
  Acos: floats,
  Acosh: floats,
  Add: numbers,
  AddN: numbers,
  ArgMax: numbers,
  ArgMin: numbers,
  Asin: floats,
  Asinh: floats,
  Atan: floats,
  Atan2: floats,
  Atanh: floats,
  BatchToSpaceND: any,
  BitwiseAnd: of("int32"),
  BroadcastArgs: of("int32"),
  Ceil: floats,
  Cosh: floats,
  DepthToSpace: floats,
  Diag: any,
  Elu: floats,
  EluGrad: floats,
  Equal: any,
  Erf: floats,
  Exp: floats,
  ExpandDims: any,
  Expm1: floats,
  Fill: (_, { dtype, value }) => dtype !== "string" && typeof value === "number",
  FlipLeftRight: floats,
  Floor: floats,
  FusedBatchNorm: (inputs, attributes) =>
    floats(inputs, attributes) &&
    Object.values(inputs).every((tensor) => !tensor || isRepeated(tensor.shape, inputs.x.shape)),
  Greater: any,
  GreaterEqual: any,
  IsFinite: floats,
  IsInf: floats,
  IsNan: floats,
  LRN: floats,
  LRNGrad: floats,
  LeakyRelu: floats,
  Less: any,
  LessEqual: any,
  LinSpace: () => true,
  Log: floats,
  LogicalAnd: of("bool"),
  LogicalNot: of("bool"),
  LogicalOr: of("bool"),
  LogicalXor: of("bool"),
  Max: any,
  Min: any,
  MirrorPad: any,
  Mod: floats,
  Multinomial: floats,
  Multiply: numbers,
  Neg: floats,
  NonMaxSuppressionV3: floats,
  NonMaxSuppressionV4: floats,
  NonMaxSuppressionV5: floats,
  NotEqual: any,
  OnesLike: any,
  Pack: any,
  Pow: floats,
  Range: () => true,
  RealDiv: floats,
  Reciprocal: floats,
  Relu: of("int32"),
  Reshape: any,
  RotateWithOffset: floats,
  Round: numbers,
  Rsqrt: floats,
  Select: ({ t, e }) => numbers({ t, e }, {}),
  Sigmoid: floats,
  Sinh: floats,
  Softmax: floats,
  Softplus: floats,
  SpaceToBatchND: any,
  Square: numbers,
  SquaredDifference: floats,
  Step: floats,
  Sub: numbers,
  Sum: of("int32"),
  Tan: floats,
  Tanh: floats,
  Tile: any,
  TopK: numbers,
  Transpose: any,
  ZerosLike: any,
};

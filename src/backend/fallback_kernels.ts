/**
 * The kernels for all that ours do not compute: which kernels of tfjs's WebAssembly backend are right,
 * and for which tensors; elsewhere, tfjs's cpu kernels run on copies.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { isRepeated } from "./fix_cpu/fix_arithmetic.ts";
import type { KernelHeap } from "./kernel_heap.ts";
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
  // tfjs fills with bytes.
  RotateWithOffset: (inputs, { fillValue }) =>
    floats(inputs, {}) &&
    [fillValue].flat().every((value) => Number.isInteger(value) && value >= 0 && value < 256),
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

/** The elements of a tensor as the cpu backend stores them. */
type Values = Float32Array | Int32Array | Uint8Array | Uint8Array[];

/** An entry of the cpu backend's storage. */
interface CpuData {
  values: Values | undefined;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

/** The parts of the cpu backend that this file uses. */
interface CpuBackend extends tf.KernelBackend {
  data: { get(dataId: object): CpuData };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: Values): tf.TensorInfo;
}

type CpuInputs = tf.TensorInfo | undefined | readonly CpuInputs[] | {
  readonly [name: string]: CpuInputs;
};

/**
 * Runs a kernel of tfjs's cpu backend on copies of the inputs.
 *
 * It is slow, but right for every dtype.
 *
 * @param heap The heap of the inputs and of the results.
 * @param kernelName Name of the kernel.
 * @param inputs Its inputs, by name or in a list.
 * @param attributes Its attributes.
 * @returns Its results, on the heap.
 */
export function runOnCpu(
  heap: KernelHeap,
  kernelName: string,
  inputs: CpuInputs,
  attributes: object | undefined,
): tf.TensorInfo | tf.TensorInfo[] {
  const kernel = tf.getKernel(kernelName, "cpu");
  if (!kernel) {
    throw new TypeError(
      `Cannot run ${kernelName} as its inputs must be float32: there is no kernel for others`,
    );
  }
  // A backend for this call alone: nothing in it has to be disposed.
  const cpu = tf.findBackendFactory("cpu")() as CpuBackend;
  const originals = new Map<object, tf.TensorInfo>();
  const lend = (input: CpuInputs): CpuInputs => {
    if (!input) return input;
    if (Array.isArray(input)) return input.map(lend);
    if (!("dataId" in input)) {
      return Object.fromEntries(Object.entries(input).map(([name, inner]) => [name, lend(inner)]));
    }
    const copy = copyToCpu(heap, cpu, input as tf.TensorInfo);
    originals.set(copy.dataId, input as tf.TensorInfo);
    return copy;
  };
  const results = kernel.kernelFunc({
    inputs: lend(inputs) as unknown as tf.NamedTensorMap,
    attrs: attributes as Record<string, number>,
    backend: cpu,
  });
  const take = (result: tf.TensorInfo): tf.TensorInfo => {
    const original = originals.get(result.dataId);
    return original?.dtype === result.dtype
      ? heap.alias(original, result.shape)
      : heap.outputOf(result.shape, result.dtype, valuesOf(cpu, result));
  };
  return Array.isArray(results) ? results.map(take) : take(results);
}

function copyToCpu(heap: KernelHeap, cpu: CpuBackend, tensor: tf.TensorInfo): tf.TensorInfo {
  const { shape, dtype } = tensor;
  const values = heap.backend.readSync(tensor.dataId) as Values;
  // Some kernels read the rank of a tensor.
  const withRank = (info: tf.TensorInfo) => Object.assign(info, { rank: shape.length });
  if (dtype !== "complex64") return withRank(cpu.makeTensorInfo(shape, dtype, values));
  const info = withRank(cpu.makeTensorInfo(shape, dtype));
  const { real, imag } = tf.backend_util.splitRealAndImagArrays(values as Float32Array);
  cpu.data.get(info.dataId).complexTensorInfos = {
    real: cpu.makeTensorInfo(shape, "float32", real),
    imag: cpu.makeTensorInfo(shape, "float32", imag),
  };
  return info;
}

function valuesOf(cpu: CpuBackend, { dataId }: tf.TensorInfo): ArrayLike<number> | Uint8Array[] {
  const { values = [], complexTensorInfos } = cpu.data.get(dataId);
  if (!complexTensorInfos) return values;
  const { real, imag } = complexTensorInfos;
  return tf.backend_util.mergeRealAndImagArrays(
    valuesOf(cpu, real) as Float32Array,
    valuesOf(cpu, imag) as Float32Array,
  );
}

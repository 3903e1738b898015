import { tf } from "../deps/tfjs.ts";

/** The parts of tfjs's engine that we use. */
interface Engine {
  state: { scopeStack: { name: string }[] };
  runKernel(name: string, inputs: tf.NamedTensorMap, attributes?: Attributes): unknown;
}

/** The attributes of a kernel. */
// deno-lint-ignore no-explicit-any
type Attributes = Record<string, any>;

/** Kernels with a window of two dimensions. */
const KERNELS = new Set([
  ...["Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "FusedConv2D", "TrainchartConv2D"],
  ...["DepthwiseConv2dNative", "FusedDepthwiseConv2D"],
  ...["DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter"],
  ...["AvgPool", "AvgPoolGrad", "MaxPool", "MaxPoolGrad", "MaxPoolWithArgmax"],
]);

/**
 * Makes a number as padding work for filters and strides that differ between the axes, and for
 * convolutions of sequences.
 *
 * tfjs computes both sizes of the results from the height and vertical stride of the filter, and pads
 * sequences above and below. With explicit paddings it makes neither mistake.
 */
export function fixPadding(): void {
  const engine = tf.engine() as unknown as Engine;
  const { runKernel } = engine;
  engine.runKernel = function (name, inputs, attributes) {
    const isNumber = typeof attributes?.pad === "number" && attributes.pad > 0;
    const exact = isNumber && KERNELS.has(name)
      ? withExplicitPadding(engine, attributes)
      : attributes;
    return runKernel.call(engine, name, inputs, exact);
  };
}

function withExplicitPadding({ state }: Engine, attributes: Attributes): Attributes {
  const { pad, dataFormat } = attributes;
  const isSequence = state.scopeStack.some(({ name }) => name === "conv1d__op");
  const both = [pad, pad], none = [0, 0];
  const spatial = [isSequence ? none : both, both];
  const padding = dataFormat === "NCHW" ? [none, none, ...spatial] : [none, ...spatial, none];
  return { ...attributes, pad: padding };
}

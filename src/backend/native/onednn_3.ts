/**
 * Descriptions of oneDNN 3.x: objects of the library.
 *
 * @module
 */
import { openLibrary } from "./foreign.ts";
import {
  A,
  ANY_LAYOUT,
  B,
  call,
  type Descriptions,
  DIRECT,
  FLOAT,
  FORWARD_TRAINING,
  I,
  make,
  type Scope,
  type Sizes,
  sizes,
} from "./onednn_api.ts";

/** Flags of a normalisation: it has a scale, and it has an offset. */
const HAS_SCALE = 2, HAS_OFFSET = 4;

/** Number of the softmax among its kinds, the other of which is its logarithm. */
const SOFTMAX = 0x30000;

/** Where the library writes the address of an object. */
type Out = BigUint64Array<ArrayBuffer>;

/**
 * Binds the functions of 3.x.
 *
 * @returns `undefined` if a function is missing.
 */
export function descriptions3(names: readonly string[]): Descriptions | undefined {
  const opened = openLibrary(names, {
    dnnl_memory_desc_create_with_tag: call(B, I, B, I, I),
    dnnl_memory_desc_create_with_strides: call(B, I, B, I, B),
    dnnl_memory_desc_destroy: call(A),
    dnnl_convolution_forward_primitive_desc_create: call(B, A, I, I, A, A, A, A, B, B, B, B, A),
    dnnl_convolution_backward_data_primitive_desc_create: call(
      ...[B, A, I, A, A, A, B, B, B, B, A, A] as const,
    ),
    dnnl_convolution_backward_weights_primitive_desc_create: call(
      ...[B, A, I, A, A, A, A, B, B, B, B, A, A] as const,
    ),
    dnnl_pooling_forward_primitive_desc_create: call(B, A, I, I, A, A, B, B, B, B, B, A),
    dnnl_pooling_backward_primitive_desc_create: call(B, A, I, A, A, B, B, B, B, B, A, A),
    dnnl_matmul_primitive_desc_create: call(B, A, A, A, A, A, A),
    dnnl_softmax_forward_primitive_desc_create: call(B, A, I, I, A, A, I, A),
    dnnl_softmax_backward_primitive_desc_create: call(B, A, I, A, A, A, I, A, A),
    dnnl_layer_normalization_forward_primitive_desc_create: call(
      ...[B, A, I, A, A, A, "f32", "u32", A] as const,
    ),
    dnnl_layer_normalization_backward_primitive_desc_create: call(
      ...[B, A, I, A, A, A, A, "f32", "u32", A, A] as const,
    ),
    dnnl_primitive_desc_destroy: call(A),
  });
  if ("refused" in opened) return undefined;
  const { symbols } = opened;
  const choose = (scope: Scope, what: string, create: (out: Out) => number) =>
    scope.add(make(`choice of a ${what}`, create), symbols.dnnl_primitive_desc_destroy);
  return {
    tensor(scope, shape, strides) {
      const [rank, dims] = [shape.length, sizes(shape)];
      const description = make(
        "description of a tensor",
        (out) =>
          strides
            ? symbols.dnnl_memory_desc_create_with_strides(out, rank, dims, FLOAT, sizes(strides))
            : symbols.dnnl_memory_desc_create_with_tag(out, rank, dims, FLOAT, ANY_LAYOUT),
      );
      return scope.add(description, symbols.dnnl_memory_desc_destroy);
    },
    convolution(scope, pass, c, engine, forward) {
      const { source, filter, result, strides, dilations, before, behind } = c;
      const geometry = [strides, dilations, before, behind] as [Sizes, Sizes, Sizes, Sizes];
      const create = {
        forward: (out: Out) =>
          symbols.dnnl_convolution_forward_primitive_desc_create(
            ...[out, engine, FORWARD_TRAINING, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
            0n,
          ),
        input: (out: Out) =>
          symbols.dnnl_convolution_backward_data_primitive_desc_create(
            ...[out, engine, DIRECT, source, filter, result] as const,
            ...geometry,
            ...[forward, 0n] as const,
          ),
        filter: (out: Out) =>
          symbols.dnnl_convolution_backward_weights_primitive_desc_create(
            ...[out, engine, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
            ...[forward, 0n] as const,
          ),
      };
      return choose(scope, "convolution", create[pass]);
    },
    pool(scope, kind, { source, result, ...p }, engine, forward) {
      // Without dilation.
      const windows = [p.strides, p.window, sizes([]), p.before, p.behind] as [
        ...[Sizes, Sizes, Sizes, Sizes, Sizes],
      ];
      return choose(
        scope,
        "pooling",
        (out) =>
          forward
            ? symbols.dnnl_pooling_backward_primitive_desc_create(
              ...[out, engine, kind, source, result] as const,
              ...windows,
              ...[forward, 0n] as const,
            )
            : symbols.dnnl_pooling_forward_primitive_desc_create(
              ...[out, engine, FORWARD_TRAINING, kind, source, result] as const,
              ...windows,
              0n,
            ),
      );
    },
    product(scope, a, b, bias, c, engine) {
      return choose(
        scope,
        "product",
        (out) => symbols.dnnl_matmul_primitive_desc_create(out, engine, a, b, bias, c, 0n),
      );
    },
    softmax(scope, rows, engine, forward) {
      return choose(
        scope,
        "softmax",
        (out) =>
          forward
            ? symbols.dnnl_softmax_backward_primitive_desc_create(
              ...[out, engine, SOFTMAX, rows, rows, rows, 1, forward, 0n] as const,
            )
            : symbols.dnnl_softmax_forward_primitive_desc_create(
              ...[out, engine, FORWARD_TRAINING, SOFTMAX, rows, rows, 1, 0n] as const,
            ),
      );
    },
    layerNorm(scope, pass, { rows, statistics, epsilon, scale, offset }, engine, forward) {
      const flags = (scale ? HAS_SCALE : 0) | (offset ? HAS_OFFSET : 0);
      return choose(
        scope,
        "normalisation",
        (out) =>
          forward
            ? symbols.dnnl_layer_normalization_backward_primitive_desc_create(
              ...[out, engine, pass, rows, rows, rows, statistics, epsilon, flags] as const,
              ...[forward, 0n] as const,
            )
            : symbols.dnnl_layer_normalization_forward_primitive_desc_create(
              ...[out, engine, pass, rows, rows, statistics, epsilon, flags, 0n] as const,
            ),
      );
    },
  };
}

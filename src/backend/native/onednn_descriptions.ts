/**
 * Descriptions of oneDNN: structures that the caller allocates in 2.x, objects of the library in 3.x.
 *
 * @module
 */
import { allocate, lazily, openLibrary } from "./foreign.ts";
import {
  A,
  ANY_LAYOUT,
  B,
  call,
  check,
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

/** Room of 2.x for a `dnnl_memory_desc_t`, of 696 bytes in 2.6, and a `dnnl_convolution_desc_t`, of 5976. */
const TENSOR_BYTES = 2048, OPERATION_BYTES = 16384;

/** Flags of a normalisation of 2.x: it has a scale, and it has an offset. */
const HAS_SCALE_2 = 8, HAS_OFFSET_2 = 16;

/**
 * Binds the functions of 2.x, which write the structures; the room for each is larger than the
 * structure of any 2.x.
 *
 * @param attributes Those of every operation.
 * @returns `undefined` if a function is missing.
 */
export function descriptions2(
  names: readonly string[],
  attributes: bigint,
): Descriptions | undefined {
  const opened = openLibrary(names, {
    dnnl_memory_desc_init_by_strides: call(A, I, B, I, B),
    dnnl_matmul_desc_init: call(A, A, A, A, A),
    dnnl_primitive_desc_create: call(B, A, A, A, A),
    dnnl_primitive_desc_destroy: call(A),
  });
  if ("refused" in opened) return undefined;
  const { symbols } = opened;
  const convolutions = lazily(names, {
    dnnl_memory_desc_init_by_tag: call(A, I, B, I, I),
    dnnl_dilated_convolution_forward_desc_init: call(A, I, I, A, A, A, A, B, B, B, B),
    dnnl_dilated_convolution_backward_data_desc_init: call(A, I, A, A, A, B, B, B, B),
    dnnl_dilated_convolution_backward_weights_desc_init: call(A, I, A, A, A, A, B, B, B, B),
  });
  const poolings = lazily(names, {
    dnnl_pooling_forward_desc_init: call(A, I, I, A, A, B, B, B, B),
    dnnl_pooling_backward_desc_init: call(A, I, A, A, B, B, B, B),
  });
  const operationsOnRows = lazily(names, {
    dnnl_softmax_forward_desc_init: call(A, I, A, I),
    dnnl_softmax_backward_desc_init: call(A, A, A, I),
    dnnl_layer_normalization_forward_desc_init: call(A, I, A, A, "f32", "u32"),
    dnnl_layer_normalization_backward_desc_init: call(A, I, A, A, A, "f32", "u32"),
  });
  /** Chooses an implementation of the operation that `describe` writes to an address. */
  const choose = (
    ...[scope, what, engine, forward, describe]: [
      ...[scope: Scope, what: string, engine: bigint, forward: bigint],
      (address: bigint) => number,
    ]
  ) => {
    // The scope holds the bytes as long as the library may read them.
    const { address } = scope.add(allocate(OPERATION_BYTES), () => {});
    check(describe(address), `description of a ${what}`);
    return scope.add(
      make(
        `choice of a ${what}`,
        (out) => symbols.dnnl_primitive_desc_create(out, address, attributes, engine, forward),
      ),
      symbols.dnnl_primitive_desc_destroy,
    );
  };
  return {
    tensor(scope, shape, strides) {
      const { address } = scope.add(allocate(TENSOR_BYTES), () => {});
      const [rank, dims] = [shape.length, sizes(shape)];
      const status = strides
        ? symbols.dnnl_memory_desc_init_by_strides(address, rank, dims, FLOAT, sizes(strides))
        : convolutions().dnnl_memory_desc_init_by_tag(address, rank, dims, FLOAT, ANY_LAYOUT);
      check(status, "description of a tensor");
      return address;
    },
    convolution(scope, pass, c, engine, forward) {
      const { source, filter, result, strides, dilations, before, behind } = c;
      const geometry = [strides, dilations, before, behind] as [Sizes, Sizes, Sizes, Sizes];
      const describe = {
        forward: (address: bigint) =>
          convolutions().dnnl_dilated_convolution_forward_desc_init(
            ...[address, FORWARD_TRAINING, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
          ),
        input: (address: bigint) =>
          convolutions().dnnl_dilated_convolution_backward_data_desc_init(
            ...[address, DIRECT, source, filter, result] as const,
            ...geometry,
          ),
        filter: (address: bigint) =>
          convolutions().dnnl_dilated_convolution_backward_weights_desc_init(
            ...[address, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
          ),
      };
      return choose(scope, "convolution", engine, forward, describe[pass]);
    },
    pool(scope, kind, { source, result, ...p }, engine, forward) {
      const windows = [p.strides, p.window, p.before, p.behind] as [Sizes, Sizes, Sizes, Sizes];
      return choose(
        scope,
        "pooling",
        engine,
        forward,
        (address) =>
          forward
            ? poolings().dnnl_pooling_backward_desc_init(address, kind, source, result, ...windows)
            : poolings().dnnl_pooling_forward_desc_init(
              ...[address, FORWARD_TRAINING, kind, source, result] as const,
              ...windows,
            ),
      );
    },
    product(scope, a, b, bias, c, engine) {
      return choose(
        scope,
        "product",
        engine,
        0n,
        (address) => symbols.dnnl_matmul_desc_init(address, a, b, bias, c),
      );
    },
    softmax(scope, rows, engine, forward) {
      return choose(
        scope,
        "softmax",
        engine,
        forward,
        (address) =>
          forward
            ? operationsOnRows().dnnl_softmax_backward_desc_init(address, rows, rows, 1)
            : operationsOnRows().dnnl_softmax_forward_desc_init(address, FORWARD_TRAINING, rows, 1),
      );
    },
    layerNorm(scope, pass, { rows, statistics, epsilon, scale, offset }, engine, forward) {
      const end = [epsilon, (scale ? HAS_SCALE_2 : 0) | (offset ? HAS_OFFSET_2 : 0)] as const;
      return choose(
        scope,
        "normalisation",
        engine,
        forward,
        (address) =>
          forward
            ? operationsOnRows().dnnl_layer_normalization_backward_desc_init(
              ...[address, pass, rows, rows, statistics] as const,
              ...end,
            )
            : operationsOnRows().dnnl_layer_normalization_forward_desc_init(
              ...[address, pass, rows, statistics] as const,
              ...end,
            ),
      );
    },
  };
}

/** Flags of a normalisation of 3.x: it has a scale, and it has an offset. */
const HAS_SCALE_3 = 2, HAS_OFFSET_3 = 4;

/** Number of the softmax of 3.x among its kinds, the other of which is its logarithm. */
const SOFTMAX = 0x30000;

/** Where the library writes the address of an object. */
type Out = BigUint64Array<ArrayBuffer>;

/**
 * Binds the functions of 3.x.
 *
 * @param attributes Those of every operation.
 * @returns `undefined` if a function is missing.
 */
export function descriptions3(
  names: readonly string[],
  attributes: bigint,
): Descriptions | undefined {
  const opened = openLibrary(names, {
    dnnl_memory_desc_create_with_strides: call(B, I, B, I, B),
    dnnl_memory_desc_destroy: call(A),
    dnnl_matmul_primitive_desc_create: call(B, A, A, A, A, A, A),
    dnnl_primitive_desc_destroy: call(A),
  });
  if ("refused" in opened) return undefined;
  const { symbols } = opened;
  const convolutions = lazily(names, {
    dnnl_memory_desc_create_with_tag: call(B, I, B, I, I),
    dnnl_convolution_forward_primitive_desc_create: call(B, A, I, I, A, A, A, A, B, B, B, B, A),
    dnnl_convolution_backward_data_primitive_desc_create: call(
      ...[B, A, I, A, A, A, B, B, B, B, A, A] as const,
    ),
    dnnl_convolution_backward_weights_primitive_desc_create: call(
      ...[B, A, I, A, A, A, A, B, B, B, B, A, A] as const,
    ),
  });
  const poolings = lazily(names, {
    dnnl_pooling_forward_primitive_desc_create: call(B, A, I, I, A, A, B, B, B, B, B, A),
    dnnl_pooling_backward_primitive_desc_create: call(B, A, I, A, A, B, B, B, B, B, A, A),
  });
  const operationsOnRows = lazily(names, {
    dnnl_softmax_forward_primitive_desc_create: call(B, A, I, I, A, A, I, A),
    dnnl_softmax_backward_primitive_desc_create: call(B, A, I, A, A, A, I, A, A),
    dnnl_layer_normalization_forward_primitive_desc_create: call(
      ...[B, A, I, A, A, A, "f32", "u32", A] as const,
    ),
    dnnl_layer_normalization_backward_primitive_desc_create: call(
      ...[B, A, I, A, A, A, A, "f32", "u32", A, A] as const,
    ),
  });
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
            : convolutions().dnnl_memory_desc_create_with_tag(out, rank, dims, FLOAT, ANY_LAYOUT),
      );
      return scope.add(description, symbols.dnnl_memory_desc_destroy);
    },
    convolution(scope, pass, c, engine, forward) {
      const { source, filter, result, strides, dilations, before, behind } = c;
      const geometry = [strides, dilations, before, behind] as [Sizes, Sizes, Sizes, Sizes];
      const create = {
        forward: (out: Out) =>
          convolutions().dnnl_convolution_forward_primitive_desc_create(
            ...[out, engine, FORWARD_TRAINING, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
            attributes,
          ),
        input: (out: Out) =>
          convolutions().dnnl_convolution_backward_data_primitive_desc_create(
            ...[out, engine, DIRECT, source, filter, result] as const,
            ...geometry,
            ...[forward, attributes] as const,
          ),
        filter: (out: Out) =>
          convolutions().dnnl_convolution_backward_weights_primitive_desc_create(
            ...[out, engine, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
            ...[forward, attributes] as const,
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
            ? poolings().dnnl_pooling_backward_primitive_desc_create(
              ...[out, engine, kind, source, result] as const,
              ...windows,
              ...[forward, attributes] as const,
            )
            : poolings().dnnl_pooling_forward_primitive_desc_create(
              ...[out, engine, FORWARD_TRAINING, kind, source, result] as const,
              ...windows,
              attributes,
            ),
      );
    },
    product(scope, a, b, bias, c, engine) {
      return choose(
        scope,
        "product",
        (out) => symbols.dnnl_matmul_primitive_desc_create(out, engine, a, b, bias, c, attributes),
      );
    },
    softmax(scope, rows, engine, forward) {
      return choose(
        scope,
        "softmax",
        (out) =>
          forward
            ? operationsOnRows().dnnl_softmax_backward_primitive_desc_create(
              ...[out, engine, SOFTMAX, rows, rows, rows, 1, forward, attributes] as const,
            )
            : operationsOnRows().dnnl_softmax_forward_primitive_desc_create(
              ...[out, engine, FORWARD_TRAINING, SOFTMAX, rows, rows, 1, attributes] as const,
            ),
      );
    },
    layerNorm(scope, pass, { rows, statistics, epsilon, scale, offset }, engine, forward) {
      const flags = (scale ? HAS_SCALE_3 : 0) | (offset ? HAS_OFFSET_3 : 0);
      return choose(
        scope,
        "normalisation",
        (out) =>
          forward
            ? operationsOnRows().dnnl_layer_normalization_backward_primitive_desc_create(
              ...[out, engine, pass, rows, rows, rows, statistics, epsilon, flags] as const,
              ...[forward, attributes] as const,
            )
            : operationsOnRows().dnnl_layer_normalization_forward_primitive_desc_create(
              ...[out, engine, pass, rows, rows, statistics, epsilon, flags, attributes] as const,
            ),
      );
    },
  };
}

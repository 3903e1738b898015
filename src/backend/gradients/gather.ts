/**
 * Gradients of operations that move elements to or from places that a tensor of indices names.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { flat, registerGradient, registerGradients } from "./gradient.ts";

/** Registers the gradients. */
export function registerGather(): void {
  registerGradient("GatherV2", { inputs: ["x", "indices"] }, (dy, [x, indices], attributes) => ({
    x: () => scatterRows(dy, x.shape, indices, attributes.axis, attributes.batchDims ?? 0),
    indices: () => flat(indices),
  }));
  registerGradient("UnsortedSegmentSum", { inputs: ["segmentIds"] }, (dy, [ids]) => ({
    x: () => gatherSegments(dy, ids),
    segmentIds: () => flat(ids),
  }));
  registerGradients("TopK", { inputs: ["x"], results: [false, true] }, ([dy], [x, indices]) => ({
    x: () => {
      if (x.size === 0) return tf.zeros(x.shape);
      const length = x.shape.at(-1)!, rows = x.size / length;
      const places = indices.reshape([rows, -1]).add(rowStarts(rows, length));
      return sumAt(dy.flatten(), places.flatten(), x.size).reshape(x.shape);
    },
  }));
  registerScatter();
  registerSegments();
}

/** Gradients of what takes or sets elements, or slices, at `indices` `[…, depth]`. */
function registerScatter(): void {
  registerGradient("GatherNd", { inputs: ["params", "indices"] }, (dy, [params, indices]) => ({
    params: () => {
      const { places, count } = flatIndices(indices, params.shape);
      const slices = dy.reshape([places.size, params.size / count]);
      return sumAt(slices, places, count).reshape(params.shape);
    },
    indices: () => flat(indices),
  }));
  registerGradient("ScatterNd", { inputs: ["indices"] }, (dy, [indices]) => ({
    updates: () => take(dy, indices),
    indices: () => flat(indices),
  }));
  registerGradient("TensorScatterUpdate", { inputs: ["indices", "updates"] }, (dy, saved) => {
    const [indices, updates] = saved;
    return {
      tensor: () => tf.tensorScatterUpdate(dy, indices, flat(updates)),
      updates: () => take(dy, indices),
      indices: () => flat(indices),
    };
  });
  registerGradient(
    "SparseToDense",
    { inputs: ["sparseIndices", "sparseValues", "defaultValue"] },
    (dy, [indices, values, defaultValue], { outputShape }) => {
      const places = () => {
        if (indices.rank === 2) return indices;
        return outputShape.length > 1 ? indices.reshape([1, -1]) : indices.reshape([-1, 1]);
      };
      const atPlaces = () => take(dy, places());
      return {
        sparseIndices: () => flat(indices),
        sparseValues: () => values.rank === 0 ? atPlaces().sum() : atPlaces().reshape(values.shape),
        defaultValue: () => dy.sum().sub(atPlaces().sum()).reshape(defaultValue.shape),
      };
    },
  );
}

/** Gradients of sums of rows that are chosen by indices, and of weighted counts. */
function registerSegments(): void {
  for (const kernelName of ["SparseSegmentSum", "SparseSegmentMean"]) {
    registerGradient(
      kernelName,
      { inputs: ["data", "indices", "segmentIds"] },
      (dy, [data, indices, ids]) => ({
        data: () => {
          let rows = dy.gather(ids.toInt());
          if (kernelName === "SparseSegmentMean") {
            const counts = sumAt(tf.ones([ids.size]), ids.toInt(), dy.shape[0]);
            const share = counts.gather(ids.toInt());
            rows = rows.div(share.reshape([ids.size, ...rows.shape.slice(1).map(() => 1)]));
          }
          return sumAt(rows, indices.toInt(), data.shape[0]);
        },
        indices: () => flat(indices),
        segmentIds: () => flat(ids),
      }),
    );
  }
  for (const kernelName of ["Bincount", "DenseBincount"]) {
    registerGradient(kernelName, { inputs: ["x", "weights"] }, (dy, [x, weights], attributes) => ({
      x: () => flat(x),
      weights: () => {
        if (weights.size === 0 || attributes.binaryOutput) return flat(weights);
        // Numbers without a bin are not counted.
        const last = tf.scalar(attributes.size - 1, "int32");
        const bins = x.minimum(last);
        const slopes = dy.rank === 2 ? dy.gather(bins, 1, 1) : dy.gather(bins);
        return slopes.mul(x.equal(bins).toFloat()).reshape(weights.shape);
      },
    }));
  }
  registerGradients(
    "SparseFillEmptyRows",
    {
      inputs: ["values", "indices", "denseShape", "defaultValue"],
      results: [false, false, true, true],
    },
    (dys, [values, indices, denseShape, defaultValue, _, places]) => ({
      values: () => dys[1].gather(places.toInt()).reshape(values.shape),
      defaultValue: () => {
        const kept = dys[1].gather(places.toInt()).sum();
        return dys[1].sum().sub(kept).reshape(defaultValue.shape);
      },
      indices: () => flat(indices),
      denseShape: () => flat(denseShape),
    }),
  );
}

/** Sums rows that go to the same place; like `tf.unsortedSegmentSum`. */
function sumAt(rows: tf.Tensor, places: tf.Tensor, count: number): tf.Tensor {
  return tf.unsortedSegmentSum(rows, places as tf.Tensor1D, count);
}

/** Slices of `x` at `indices`, also of no elements, which tfjs refuses. */
function take(x: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  if (x.size > 0) return tf.gatherND(x, indices);
  return tf.zeros([...indices.shape.slice(0, -1), ...x.shape.slice(indices.shape.at(-1))]);
}

/** The first place of each of `rows` rows of some length, `[rows, 1]`. */
function rowStarts(rows: number, length: number): tf.Tensor {
  return tf.range(0, rows, 1, "int32").mul(tf.scalar(length, "int32")).reshape([rows, 1]);
}

/** Indices of slices as one number each, and the number of slices that there are. */
function flatIndices(
  indices: tf.Tensor,
  shape: number[],
): { places: tf.Tensor; count: number } {
  const depth = indices.shape.at(-1)!;
  const count = tf.util.sizeFromShape(shape.slice(0, depth));
  const rows = indices.reshape([-1, depth]);
  let places: tf.Tensor = tf.zeros([rows.shape[0]], "int32");
  for (let axis = 0; axis < depth; axis++) {
    const size = tf.scalar(shape[axis], "int32");
    places = places.mul(size).add(rows.slice([0, axis], [-1, 1]).reshape([-1]));
  }
  return { places, count };
}

/**
 * The gradient of `x.gather(indices, axis, batchDims)`: rows of gradients, added at their places.
 *
 * The result has the axes of the batch, those of `x` up to `axis`, those of the indices, and those
 * of `x` behind `axis`.
 */
function scatterRows(
  dy: tf.Tensor,
  shape: number[],
  indices: tf.Tensor,
  axis: number,
  batchDims: number,
): tf.Tensor {
  const at = tf.util.parseAxisParam(axis, shape)[0];
  const sizeOf = tf.util.sizeFromShape;
  const batch = sizeOf(shape.slice(0, batchDims)), outer = sizeOf(shape.slice(batchDims, at));
  const length = shape[at], inner = sizeOf(shape.slice(at + 1));
  const taken = sizeOf(indices.shape.slice(batchDims));
  if (dy.size === 0) return tf.zeros(shape);
  let places = indices.toInt().reshape([batch, taken]);
  if (batch > 1) places = places.add(rowStarts(batch, length));
  const rows = dy.reshape([batch, outer, taken, inner]);
  const ordered = outer === 1 ? rows : rows.transpose([0, 2, 1, 3]);
  const sums = sumAt(
    ordered.reshape([batch * taken, outer * inner]),
    places.reshape([-1]),
    batch * length,
  );
  if (outer === 1) return sums.reshape(shape);
  return sums.reshape([batch, length, outer, inner]).transpose([0, 2, 1, 3]).reshape(shape);
}

/** Each row's segment of `dy`; zeros for rows that were in none. */
function gatherSegments(dy: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const count = dy.shape[0];
  const isInside = ids.greaterEqual(0).logicalAnd(ids.less(count));
  const last = tf.scalar(Math.max(0, count - 1), "int32");
  const rows = dy.gather(ids.maximum(tf.scalar(0, "int32")).minimum(last));
  const mask = isInside.toFloat().reshape([ids.size, ...dy.shape.slice(1).map(() => 1)]);
  return rows.mul(mask);
}

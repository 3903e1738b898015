/**
 * Einstein summation as products of matrices, and its gradient.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";

/** Splits `"ij,jk->ik"` into the labels of its operands and of its result. */
function parse(equation: string): { operands: string[][]; result: string[] } {
  const [left, right] = equation.replaceAll(/\s/g, "").split("->");
  return { operands: left.split(",").map((labels) => [...labels]), result: [...right] };
}

/** A tensor whose axes have labels. */
interface Labelled {
  tensor: tf.Tensor;
  labels: string[];
}

/** Sums over all axes whose labels are not in `keep`. */
function sumOut({ tensor, labels }: Labelled, keep: string[]): Labelled {
  const axes = labels.flatMap((label, axis) => keep.includes(label) ? [] : [axis]);
  if (axes.length === 0) return { tensor, labels };
  return { tensor: tensor.sum(axes), labels: labels.filter((label) => keep.includes(label)) };
}

/** Puts the axes in the order of `labels`. */
function arrange({ tensor, labels: from }: Labelled, labels: string[]): tf.Tensor {
  const order = labels.map((label) => from.indexOf(label));
  return order.every((axis, i) => axis === i) ? tensor : tensor.transpose(order);
}

/** The product of two operands, summed over the axes that no later step needs. */
function contract(a: Labelled, b: Labelled, keep: string[]): Labelled {
  a = sumOut(a, [...b.labels, ...keep]);
  b = sumOut(b, [...a.labels, ...keep]);
  const sizes = new Map(
    [a, b].flatMap(({ tensor, labels }) =>
      labels.map((label, axis): [string, number] => [label, tensor.shape[axis]])
    ),
  );
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => keep.includes(label));
  const inner = shared.filter((label) => !keep.includes(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const shapeOf = (labels: string[]) => labels.map((label) => sizes.get(label)!);
  const size = (labels: string[]) => tf.util.sizeFromShape(shapeOf(labels));
  const left = arrange(a, [...batch, ...rows, ...inner]).reshape([
    size(batch),
    size(rows),
    size(inner),
  ]);
  const right = arrange(b, [...batch, ...inner, ...columns])
    .reshape([size(batch), size(inner), size(columns)]);
  const labels = [...batch, ...rows, ...columns];
  return { tensor: tf.matMul(left, right).reshape(shapeOf(labels)), labels };
}

/**
 * Multiplies all operands and sums over the labels that the result does not name.
 *
 * Operands are contracted from the first to the last, each by one batched product of matrices.
 */
export function einsum(equation: string, tensors: tf.Tensor[]): tf.Tensor {
  const { operands, result } = parse(equation);
  const labelled = tensors.map((tensor, i): Labelled => ({ tensor, labels: operands[i] }));
  let [whole, ...rest] = labelled;
  while (rest.length > 0) {
    const [next, ...later] = rest;
    whole = contract(whole, next, [...result, ...later.flatMap(({ labels }) => labels)]);
    rest = later;
  }
  return arrange(sumOut(whole, result), result);
}

/** The gradient of each operand: the einsum of the result's gradient and the other operands. */
export function einsumGradient(
  dy: tf.Tensor | tf.Tensor[],
  saved: tf.Tensor[],
  attributes: { equation?: unknown },
): Record<string, () => tf.Tensor> {
  const { operands, result } = parse(attributes.equation as string);
  return Object.fromEntries(operands.map((labels, i) => [i, () => {
    const others = saved.flatMap((tensor, j): Labelled[] =>
      j === i ? [] : [{ tensor, labels: operands[j] }]
    );
    const factors = [{ tensor: dy as tf.Tensor, labels: result }, ...others];
    const known = labels.filter((label) => factors.some((factor) => factor.labels.includes(label)));
    const equation = `${factors.map((factor) => factor.labels.join("")).join()}->${known.join("")}`;
    const gradient = einsum(equation, factors.map(({ tensor }) => tensor));
    // The sum over a label of this operand alone has the same gradient everywhere.
    const shape = labels.map((label, axis) => known.includes(label) ? saved[i].shape[axis] : 1);
    return gradient.reshape(shape).broadcastTo(saved[i].shape);
  }]));
}

/**
 * Layers that people write themselves, as in minGPT and in vision transformers.
 *
 * @module
 */
import { tf } from "../../../mod.ts";

type Inputs = tf.Tensor | tf.Tensor[];

function only(inputs: Inputs): tf.Tensor {
  return Array.isArray(inputs) ? inputs[0] : inputs;
}

abstract class SameShape extends tf.layers.Layer {
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => this.compute(only(inputs)));
  }
  protected abstract compute(x: tf.Tensor): tf.Tensor;
}

/** Adds a learned vector to each position: `[batch, positions, width]`. */
export class Positions extends SameShape {
  readonly #count: number;
  readonly #width: number;
  #weight!: InstanceType<typeof tf.LayerVariable>;

  constructor(count: number, width: number) {
    super({});
    this.#count = count;
    this.#width = width;
  }

  override build(): void {
    const initializer = tf.initializers.randomNormal({ stddev: 0.02 });
    this.#weight = this.addWeight(
      "positions",
      [this.#count, this.#width],
      "float32",
      initializer,
    );
    this.built = true;
  }

  protected compute(x: tf.Tensor): tf.Tensor {
    return x.add(this.#weight.read());
  }

  static get className(): string {
    return "Positions";
  }
}

/** `softmax(Q Kᵀ / √d + mask) V` of `[batch, positions, 3 * width]`. */
export class Attention extends tf.layers.Layer {
  readonly #heads: number;
  readonly #mask: tf.Tensor | undefined;

  /**
   * @param heads The number of heads.
   * @param causal The number of positions, if each may look at those before it only.
   */
  constructor(heads: number, causal?: number) {
    super({});
    this.#heads = heads;
    if (causal === undefined) return;
    const later = tf.linalg.bandPart(tf.ones([causal, causal]), -1, 0);
    this.#mask = tf.keep(later.sub(1).mul(1e9).reshape([1, 1, causal, causal]));
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return [shape[0], shape[1], shape[2]! / 3];
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => {
      const joint = only(inputs);
      const [batch, positions, triple] = joint.shape;
      const width = triple / 3, size = width / this.#heads;
      const [query, key, value] = tf.split(joint, 3, 2).map((part) =>
        part.reshape([batch, positions, this.#heads, size]).transpose([0, 2, 1, 3])
      );
      const scores = tf.matMul(query, key, false, true).div(Math.sqrt(size));
      const masked = this.#mask ? scores.add(this.#mask) : scores;
      return tf.matMul(tf.softmax(masked), value).transpose([0, 2, 1, 3])
        .reshape([batch, positions, width]);
    });
  }

  static get className(): string {
    return "Attention";
  }
}

/** GELU by the error function: `x Φ(x)`. */
export class GeluErf extends SameShape {
  protected compute(x: tf.Tensor): tf.Tensor {
    return x.mul(0.5).mul(x.div(Math.SQRT2).erf().add(1));
  }
  static get className(): string {
    return "GeluErf";
  }
}

/** GELU by the hyperbolic tangent, an approximation. */
export class GeluTanh extends SameShape {
  protected compute(x: tf.Tensor): tf.Tensor {
    const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1));
  }
  static get className(): string {
    return "GeluTanh";
  }
}

/** A dense layer whose weight is tiled over the batch before the product, as in minGPT's port. */
export class TiledDense extends tf.layers.Layer {
  readonly #units: number;
  #kernel!: InstanceType<typeof tf.LayerVariable>;
  #bias!: InstanceType<typeof tf.LayerVariable>;

  constructor(units: number) {
    super({});
    this.#units = units;
  }

  override build(shape: tf.Shape): void {
    const width = shape.at(-1)!;
    const glorot = tf.initializers.glorotUniform({});
    this.#kernel = this.addWeight("kernel", [width, this.#units], "float32", glorot);
    this.#bias = this.addWeight("bias", [this.#units], "float32", tf.initializers.zeros());
    this.built = true;
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return [...shape.slice(0, -1), this.#units];
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => {
      const x = only(inputs);
      const kernel = this.#kernel.read();
      const tiled = kernel.expandDims(0).tile([x.shape[0], 1, 1]);
      return tf.matMul(x, tiled).add(this.#bias.read());
    });
  }

  static get className(): string {
    return "TiledDense";
  }
}

/** Attention of a decoder over the states of an encoder, `[batch, steps, width]` each. */
export class CrossAttention extends tf.layers.Layer {
  override computeOutputShape(shapes: tf.Shape | tf.Shape[]): tf.Shape {
    return (shapes as tf.Shape[])[0];
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => {
      const [decoder, encoder] = inputs as tf.Tensor[];
      const scores = tf.matMul(decoder, encoder, false, true);
      return tf.matMul(tf.softmax(scores.div(Math.sqrt(decoder.shape[2]!))), encoder);
    });
  }

  static get className(): string {
    return "CrossAttention";
  }
}

/** The distance of two embeddings, `[batch, width]` each: `[batch, 1]`. */
export class Distance extends tf.layers.Layer {
  override computeOutputShape(shapes: tf.Shape | tf.Shape[]): tf.Shape {
    return [(shapes as tf.Shape[])[0][0], 1];
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => {
      const [a, b] = inputs as tf.Tensor[];
      return a.sub(b).square().sum(1, true).add(1e-6).sqrt();
    });
  }

  static get className(): string {
    return "Distance";
  }
}

for (
  const layer of [
    ...[Positions, Attention, GeluErf, GeluTanh, TiledDense, CrossAttention, Distance],
  ]
) tf.serialization.registerClass(layer as never);

/**
 * Gradients that depend on more than the operation: through complex numbers, as in a loss on spectra,
 * and within functions of tfjs whose gradient is not that of their parts.
 *
 * The gradient by a complex number z is `dL/dRe(z) + i dL/dIm(z)`, as in PyTorch. tfjs accepts
 * float32 gradients only. So between two operations a complex gradient travels as its real part,
 * and the imaginary part stands beside it.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { engineOf, type GradientFunction, type Scope } from "./engine.ts";
import { type Gradients, keepOutside, scopeOf, unbroadcast } from "./gradient.ts";

type ComplexGradient = (dy: tf.Tensor, saved: tf.Tensor[], inputs: tf.NamedTensorMap) => Gradients;

/** The imaginary parts of complex gradients, by their real parts. */
const IMAGINARY_PARTS = new WeakMap<tf.Tensor, tf.Tensor>();

/** The scope in which imaginary parts live; by default the one in which gradients are computed. */
let scopeOfSlopes: Scope | undefined;

/** Gradients of operations with complex inputs or results. */
const GRADIENTS: Record<string, ComplexGradient> = {
  Complex: (dy) => ({ real: () => tf.real(dy), imag: () => tf.imag(dy) }),
  Real: (dy) => ({ input: () => tf.complex(dy, tf.zerosLike(dy)) }),
  Imag: (dy) => ({ input: () => tf.complex(tf.zerosLike(dy), dy) }),
  FFT: (dy) => ({ input: () => times(tf.ifft(dy), dy.shape.at(-1)!) }),
  IFFT: (dy) => ({ input: () => times(tf.fft(dy), 1 / dy.shape.at(-1)!) }),
  ComplexAbs: (dy, [x]) => ({
    x: () => {
      const real = tf.real(x), imaginary = tf.imag(x);
      // At 0 the gradient is 0, as in PyTorch.
      const share = tf.divNoNan(dy, real.square().add(imaginary.square()).sqrt());
      return tf.complex(real.mul(share), imaginary.mul(share));
    },
  }),
  Identity: (dy) => ({ x: () => dy.clone() }),
  Reshape: (dy, _, { x }) => ({ x: () => tf.reshape(dy, x.shape) }),
  ExpandDims: (dy, _, { input }) => ({ input: () => tf.reshape(dy, input.shape) }),
  Cast: (dy, _, { x }) => ({
    x: () => {
      if (x.dtype !== "complex64") return tf.real(dy);
      return dy.dtype === "complex64" ? dy.clone() : tf.complex(dy, tf.zerosLike(dy));
    },
  }),
  Add: (dy, _, { a, b }) => ({ a: () => sumTo(dy, a), b: () => sumTo(dy, b) }),
  Sub: (dy, _, { a, b }) => ({ a: () => sumTo(dy, a), b: () => times(sumTo(dy, b), -1) }),
  Multiply: (dy, [a, b]) => ({
    a: () => sumTo(timesConjugate(dy, b), a),
    b: () => sumTo(timesConjugate(dy, a), b),
  }),
};

/** Whether an operation has complex inputs or results. */
export function isComplex(inputs: tf.Tensor[], outputs: tf.Tensor[]): boolean {
  return hasComplex(inputs) || hasComplex(outputs);
}

function hasComplex(tensors: tf.Tensor[]): boolean {
  return tensors.some(({ dtype }) => dtype === "complex64");
}

/**
 * The gradient of an operation with complex numbers, in the form that tfjs calls.
 *
 * @param kernelName Name of the operation's kernel.
 * @param inputs Its inputs.
 * @param output Its result.
 * @returns `undefined` if the operation has no such gradient.
 */
export function complexGradient(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  output: tf.Tensor,
): GradientFunction | undefined {
  // Copies are recorded under the name of the function around them.
  const isCopy = inputs.x?.dataId === output.dataId &&
    inputs.x.shape.join() === output.shape.join();
  const gradient = GRADIENTS[kernelName] ?? (isCopy ? GRADIENTS.Identity : undefined);
  if (!gradient) return;
  return (dy, saved) => {
    const scope = scopeOfSlopes ?? scopeOf();
    const slope = output.dtype === "complex64" ? join(dy as tf.Tensor) : dy as tf.Tensor;
    const slopes = Object.entries(gradient(slope, saved, inputs)).map(([name, compute]) => [
      name,
      () => {
        const dx = compute();
        if (dx.dtype !== "complex64") return dx;
        const real = tf.real(dx);
        IMAGINARY_PARTS.set(real, keepOutside(scope, tf.imag(dx)));
        return real;
      },
    ]);
    return Object.fromEntries(slopes);
  };
}

/** Computes gradients by inputs some of which are complex: those gradients are complex, too. */
export function withComplexSlopes(
  xs: tf.Tensor[],
  compute: () => { value: tf.Tensor; grads: tf.Tensor[] },
): { value: tf.Tensor; grads: tf.Tensor[] } {
  const outer = scopeOfSlopes;
  try {
    return tf.tidy(() => {
      scopeOfSlopes = scopeOf();
      const { value, grads } = compute();
      const slopes = grads.map((slope, i) =>
        slope && xs[i].dtype === "complex64" ? join(slope) : slope
      );
      return { value, grads: slopes };
    });
  } finally {
    scopeOfSlopes = outer;
  }
}

/** The complex gradient whose real part tfjs knows. */
function join(slope: tf.Tensor): tf.Tensor {
  return tf.complex(slope, IMAGINARY_PARTS.get(slope) ?? tf.zerosLike(slope));
}

/** Makes sums of gradients, which tfjs computes where a tensor was used several times, complex. */
export function sumComplexSlopes(): void {
  const engine = engineOf();
  const { runKernel } = engine;
  engine.runKernel = function (name, inputs, attributes) {
    const result = runKernel.call(engine, name, inputs, attributes);
    if (name !== "Add") return result;
    const parts = [inputs.a, inputs.b].flatMap((slope) => IMAGINARY_PARTS.get(slope) ?? []);
    if (parts.length > 0) {
      const sum = parts.length === 2 ? tf.add(parts[0], parts[1]) : parts[0].clone();
      IMAGINARY_PARTS.set(result as tf.Tensor, sum);
    }
    return result;
  };
}

function times(x: tf.Tensor, factor: number): tf.Tensor {
  return tf.complex(tf.real(x).mul(factor), tf.imag(x).mul(factor));
}

/** `x` times the conjugate of `y`. */
function timesConjugate(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const [a, b] = [tf.real(x), tf.imag(x)], [c, d] = [tf.real(y), tf.imag(y)];
  return tf.complex(a.mul(c).add(b.mul(d)), b.mul(c).sub(a.mul(d)));
}

/** The sum over the axes along which an operand was broadcast. */
function sumTo(x: tf.Tensor, { shape }: tf.Tensor): tf.Tensor {
  return tf.complex(unbroadcast(tf.real(x), shape), unbroadcast(tf.imag(x), shape));
}

/** Gradients by the operation, and by the scope of the function around it. */
const WITHIN_FUNCTIONS: Record<"Sqrt" | "RealDiv", Record<string, GradientFunction>> = {
  Sqrt: {
    // At 0 the gradient of a norm is 0, as in PyTorch; that of the root in it is infinite.
    norm__op: (dy, [y]) => ({ x: () => tf.divNoNan(dy as tf.Tensor, y.mul(2)) }),
  },
  RealDiv: {
    // The quotient by 0 is 0, and so is its gradient.
    divNoNan__op: (dy, [a, b]) => ({
      a: () => unbroadcast(tf.divNoNan(dy as tf.Tensor, b), a.shape),
      b: () => {
        const slope = tf.divNoNan(tf.divNoNan(dy as tf.Tensor, b).mul(a), b).neg();
        return unbroadcast(slope, b.shape);
      },
    }),
  },
};

/** The gradient that an operation has because of the function around it. */
export function gradientWithin(
  kernelName: string,
  inputs: tf.NamedTensorMap,
): GradientFunction | undefined {
  if (kernelName === "Abs") return besideRelu(inputs.x);
  if (kernelName !== "Sqrt" && kernelName !== "RealDiv") return;
  const gradients = WITHIN_FUNCTIONS[kernelName];
  const scope = engineOf().state.scopeStack.findLast(({ name }) => name in gradients);
  return scope && gradients[scope.name];
}

/**
 * The gradient of `|x|` in `max(x, 0) + log(1 + exp(-|x|))`, which is how tfjs's cross-entropies of
 * logits compute softplus. Its gradient at 0 is 1/2: the gradient of `max(x, 0)` there is 0, so
 * that of `|x|` may not be.
 */
function besideRelu(x: tf.Tensor): GradientFunction | undefined {
  const isBeside = engineOf().state.activeTape.slice(-8).some(({ kernelName, inputs }) =>
    kernelName === "Relu" && inputs.x?.id === x.id
  );
  if (!isBeside) return;
  return (dy, [x]) => ({ x: () => (dy as tf.Tensor).mul(tf.step(x, -1)) });
}

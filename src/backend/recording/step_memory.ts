import { tf } from "../../deps/tfjs.ts";
import type { BackendWasm } from "../../deps/tfjs_wasm.ts";
import type { Memory, MemoryKind, TensorUse, Uses } from "./recording.ts";

/** Numbers of the tensors that a step reads though they were made before it, for their names. */
const held = new WeakMap<object, number>();
let heldCount = 0;

/** The memory of the tensors of a step that is recorded: of the batch, weights, constants, results. */
export class StepMemory {
  readonly #backend: BackendWasm;
  readonly #holds: boolean;
  readonly #refuse: (reason: string) => void;
  readonly #all = new Map<object, Memory>();
  readonly #variables: ReadonlyMap<object, tf.Variable>;
  #made = 0;

  /**
   * @param inputs The tensors of the batch, in their order.
   * @param variables All variables.
   * @param holds Whether tensors that were made before the step may be part of it.
   * @param refuse Called with the reason why the step cannot be played back.
   */
  constructor(
    backend: BackendWasm,
    inputs: readonly tf.Tensor[],
    variables: readonly tf.Variable[],
    holds: boolean,
    refuse: (reason: string) => void,
  ) {
    this.#backend = backend;
    this.#holds = holds;
    this.#refuse = refuse;
    inputs.forEach(({ dataId, shape, dtype }, index) => {
      if (this.#all.has(dataId)) return;
      this.#all.set(dataId, memoryOf("input", `input ${index}`, shape, dtype, { index }));
    });
    this.#variables = new Map(variables.map((variable) => [variable.dataId, variable]));
  }

  /** The memory of a tensor, if the step has met it. */
  find(dataId: object): Memory | undefined {
    return this.#all.get(dataId);
  }

  /** New memory of random numbers. */
  random(dataId: object, shape: number[], dtype: tf.DataType): Memory {
    const memory = memoryOf("random", `random ${this.#made++}`, shape, dtype);
    this.#all.set(dataId, memory);
    return memory;
  }

  /** New memory of values that JavaScript gives. */
  constant(dataId: object, shape: number[], dtype: tf.DataType, values: ArrayBufferView): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
    const name = `constant [${shape}] ${hash(bytes)}`;
    this.#all.set(dataId, memoryOf("constant", name, shape, dtype, { values: bytes }));
  }

  /** New memory of a result. */
  result(dataId: object, shape: number[], dtype: tf.DataType): Memory {
    const memory = memoryOf("result", `result ${this.#made++}`, shape, dtype);
    this.#all.set(dataId, memory);
    return memory;
  }

  /** The memory of the inputs of a kernel, in their form. */
  usesOf(inputs: unknown): Uses {
    if (inputs === undefined || inputs === null) return undefined;
    if (Array.isArray(inputs)) return inputs.map((inner) => this.usesOf(inner));
    if ((inputs as tf.TensorInfo).dataId) return this.useOf(inputs as tf.TensorInfo);
    return Object.fromEntries(
      Object.entries(inputs).map(([name, inner]) => [name, this.usesOf(inner)]),
    );
  }

  /** The memory of a tensor. */
  useOf({ dataId, shape, dtype }: tf.TensorInfo): TensorUse {
    let memory = this.#all.get(dataId);
    if (!memory) {
      const variable = this.#variables.get(dataId);
      memory = variable
        ? memoryOf("variable", `weight ${variable.name}`, shape, dtype, { variable })
        : this.#hold(dataId, shape, dtype);
      this.#all.set(dataId, memory);
    }
    return { memory, shape, dtype };
  }

  /** A tensor that is made neither in the step nor for it. */
  #hold(dataId: object, shape: number[], dtype: tf.DataType): Memory {
    if (!this.#holds) {
      this.#refuse("it computes with a tensor that is neither of the batch nor a weight");
    }
    const { dataIdMap } = this.#backend;
    if (!held.has(dataId)) held.set(dataId, heldCount++);
    const name = `tensor ${held.get(dataId)} that was made before the step`;
    const { id } = dataIdMap.get(dataId);
    return memoryOf("held", name, shape, dtype, { held: { dataId, id } });
  }
}

function memoryOf(
  kind: MemoryKind,
  name: string,
  shape: number[],
  dtype: tf.DataType,
  more: Partial<Memory> = {},
): Memory {
  const bytes = tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype);
  return { kind, name, shape: [...shape], dtype, bytes, ...more };
}

/** All tensors in the inputs of a kernel. */
export function tensorsOf(inputs: unknown): tf.TensorInfo[] {
  if (inputs === undefined || inputs === null) return [];
  if ((inputs as tf.TensorInfo).dataId) return [inputs as tf.TensorInfo];
  return Object.values(inputs as object).flatMap(tensorsOf);
}

/** All memory in the inputs of a kernel. */
export function memoriesIn(uses: Uses): Memory[] {
  if (!uses) return [];
  if ("memory" in uses) return [(uses as TensorUse).memory];
  return Object.values(uses).flatMap(memoriesIn);
}

/** The inputs of a kernel in words, by which recordings are compared. */
export function describe(uses: Uses): string {
  if (!uses) return "nothing";
  if ("memory" in uses) {
    const { memory, shape, dtype } = uses as TensorUse;
    return `${memory.name} [${shape}] ${dtype}`;
  }
  return Object.entries(uses).map(([name, inner]) => `${name}: ${describe(inner)}`).join(", ");
}

function hash(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (let i = 0; i < bytes.length; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0;
  return hash;
}

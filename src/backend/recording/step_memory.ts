/**
 * The memory of a step that is recorded: that of its tensors, and that of addresses on the heap.
 *
 * @module
 */
import { type BackendWasm, tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  type Address,
  type Argument,
  type Memory,
  type MemoryKind,
  regionOf,
  type TensorUse,
  type Uses,
} from "./recording.ts";

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

/** A tensor that a kernel may compute with. */
export interface KnownTensor {
  readonly dataId: object;
  readonly memory: Memory;
}

/** Largest number that a kernel takes for an address without being given one: a length in bytes. */
const SMALL = 65536;

/** Finds the memory that the addresses of a recorded step belong to. */
export class StepAddresses {
  readonly #heap: KernelHeap;
  readonly #refuse: (reason: string) => void;
  /** The scratch memory of the main thread. */
  readonly scratch: Memory = regionOf("scratch");
  readonly #shared = regionOf("shared");
  #scratchAddress = 0;
  #sharedAddress = 0;
  #sharedBytes = 0;
  #table: { address: number; values: readonly (number | Address)[] } | undefined;

  /** @param refuse Called with the reason why the step cannot be played back. */
  constructor(heap: KernelHeap, refuse: (reason: string) => void) {
    this.#heap = heap;
    this.#refuse = refuse;
  }

  /**
   * The arguments of one of our kernels.
   *
   * @param kernel Its name.
   * @param args The arguments.
   * @param tensors The tensors that it may compute with, the newest last.
   */
  resolveCall(kernel: string, args: number[], tensors: readonly KnownTensor[]): Argument[] {
    const resolved: Argument[] = args.slice();
    for (const place of this.#heap.addresses[kernel]) {
      if (args[place]) resolved[place] = this.#resolve(args[place], kernel, tensors);
    }
    this.#checkNumbers(kernel, resolved, tensors);
    return resolved;
  }

  #resolve(address: number, kernel: string, tensors: readonly KnownTensor[]): Argument {
    if (this.#table?.address === address) return { table: this.#table.values };
    const found = this.#find(address, tensors);
    if (found) return found;
    if (address === this.#scratchAddress) return { memory: this.scratch, offset: 0 };
    if (address >= this.#sharedAddress && address < this.#sharedAddress + this.#sharedBytes) {
      return { memory: this.#shared, offset: address - this.#sharedAddress };
    }
    if (address >= SMALL) this.#refuse(`${kernel} computes with unknown memory`);
    return address;
  }

  #find(address: number, tensors: readonly KnownTensor[]): Address | undefined {
    const { dataIdMap } = this.#heap.backend;
    for (let i = tensors.length - 1; i >= 0; i--) {
      const { dataId, memory } = tensors[i];
      if (!dataIdMap.has(dataId)) continue;
      const offset = (address >>> 0) - (dataIdMap.get(dataId).memoryOffset >>> 0);
      if (offset >= 0 && offset < memory.bytes) return { memory, offset };
    }
  }

  /** An address that nothing declares would stay the same while its memory moves. */
  #checkNumbers(
    where: string,
    values: readonly Argument[],
    tensors: readonly KnownTensor[],
  ): void {
    const { dataIdMap } = this.#heap.backend;
    for (const { dataId } of tensors) {
      if (!dataIdMap.has(dataId)) continue;
      const { memoryOffset } = dataIdMap.get(dataId);
      if (values.includes(memoryOffset)) this.#refuse(`${where} may hide an address`);
    }
  }

  /** A table was written, with addresses at some places. */
  wroteTable(
    address: number,
    values: readonly number[],
    places: readonly number[],
    tensors: readonly KnownTensor[],
  ): void {
    const resolved: (number | Address)[] = values.slice();
    for (const place of places) {
      const found = this.#resolve(values[place] >>> 0, "a table", tensors);
      if (typeof found === "object" && "table" in found) this.#refuse("a table is part of a table");
      else resolved[place] = found;
    }
    this.#checkNumbers("a table", resolved, tensors);
    this.#table = { address, values: resolved };
  }

  /** Scratch memory was prepared. */
  prepared(address: number): void {
    this.#scratchAddress = address;
  }

  /** Shared memory was reserved. */
  reserved(address: number, bytes: number): void {
    this.#sharedAddress = address;
    this.#sharedBytes = Math.max(bytes, 1);
    this.#shared.bytes = Math.max(this.#shared.bytes, bytes);
  }
}

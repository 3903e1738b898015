/**
 * The places of memory in a playback, and the numbers by which kernels of TensorFlow.js know tensors.
 *
 * @module
 */
import { type BackendWasm, tf } from "../../deps/tfjs.ts";
import type { Emscripten } from "../wasm_modules.ts";
import type { LinkedArgument } from "./program.ts";
import { type Argument, type Memory, regionOf, type TensorUse, type Uses } from "./recording.ts";

/** Where a piece of memory is now, and all that refers to it. */
export interface Place {
  readonly memory: Memory;
  address: number;
  dataId: object | undefined;
  /** The number of the tensor in TensorFlow.js's module; 0 if it has none. */
  id: number;
  /** Arguments that hold its address. */
  readonly addresses: { args: number[]; at: number; offset: number }[];
  /** Arguments that hold the number of its tensor. */
  readonly ids: { args: number[]; at: number }[];
  /** Words of the heap that hold either. */
  readonly words: { address: number; offset?: number }[];
  /** Tensors that kernels in JavaScript are given. */
  readonly infos: { dataId: object }[];
}

export type Fn = (...args: number[]) => unknown;

/** The parts of TensorFlow.js's module that a playback uses. */
export interface StockModule extends Omit<Emscripten, "asm"> {
  asm: Record<string, Fn>;
}

/** Spare bytes behind a block: kernels may read a vector beyond the end of a tensor. */
export const SPARE = 64;

/** The regions that stand for those of all recordings. */
export const SCRATCH: Memory = regionOf("scratch"), SHARED: Memory = regionOf("shared");

/**
 * The places of the memory of a playback, and everything that refers to them: arguments, tables,
 * and the tensors of kernels in JavaScript. All of it is changed where memory has moved.
 */
export class Places {
  readonly #backend: BackendWasm;
  readonly #module: StockModule;
  readonly #leftBehind: ReadonlySet<Memory>;
  readonly #all = new Map<Memory, Place>();
  #next: number;

  /**
   * @param leftBehind The memory that a step leaves behind: it is new in each step.
   * @param start Address of the room for constants and tables.
   */
  constructor(
    backend: BackendWasm,
    module: StockModule,
    leftBehind: ReadonlySet<Memory>,
    start: number,
  ) {
    this.#backend = backend;
    this.#module = module;
    this.#leftBehind = leftBehind;
    this.#next = start;
  }

  [Symbol.iterator](): Iterator<Place> {
    return this.#all.values();
  }

  /** Takes bytes behind the arena. */
  #reserve(bytes: number): number {
    const address = this.#next;
    this.#next += Math.ceil(Math.max(bytes, 1) / SPARE) * SPARE;
    return address;
  }

  /** The place of a piece of memory; a constant is written to its own. */
  of(memory: Memory): Place {
    const key = memory.kind === "scratch" ? SCRATCH : memory.kind === "shared" ? SHARED : memory;
    let place = this.#all.get(key);
    if (place) return place;
    place = {
      memory,
      address: 0,
      dataId: undefined,
      id: 0,
      addresses: [],
      ids: [],
      words: [],
      infos: [],
    };
    this.#all.set(key, place);
    if (memory.kind === "constant") {
      place.address = this.#reserve(memory.bytes);
      this.#module.HEAPU8.set(memory.values!, place.address);
    }
    return place;
  }

  #isFixed({ memory }: Place): boolean {
    return memory.kind === "constant" || memory.kind === "random" ||
      memory.kind === "result" && !this.#leftBehind.has(memory);
  }

  /** Makes a fixed piece of memory a tensor, for kernels that take tensors. */
  #makeTensor(place: Place): void {
    if (place.dataId || !this.#isFixed(place)) return;
    const { shape, dtype } = place.memory;
    place.dataId = lendMemory(this.#backend, place.address, shape, dtype);
    place.id = this.#backend.dataIdMap.get(place.dataId).id;
  }

  /** The argument of one of our kernels: an address is changed when its memory moves. */
  addressOf(argument: Argument, args: number[], at: number): number {
    if (typeof argument === "number") return argument;
    if ("table" in argument) return this.#writeTable(argument.table);
    const place = this.of(argument.memory);
    if (!this.#isFixed(place)) place.addresses.push({ args, at, offset: argument.offset });
    return place.address + argument.offset;
  }

  #writeTable(table: readonly (number | { memory: Memory; offset: number })[]): number {
    const begin = this.#reserve(table.length * 4);
    table.forEach((field, i) => {
      const address = begin + i * 4;
      if (typeof field === "number") return this.#write(address, field);
      const place = this.of(field.memory);
      if (!this.#isFixed(place)) place.words.push({ address, offset: field.offset });
      this.#write(address, place.address + field.offset);
    });
    return begin;
  }

  #write(address: number, value: number): void {
    new DataView(this.#module.HEAPU8.buffer).setInt32(address, value, true);
  }

  /** The argument of a kernel of TensorFlow.js: the number of a tensor, or memory with such numbers. */
  numberOf(argument: LinkedArgument, args: number[], at: number): number {
    if (typeof argument === "number") return argument;
    if (argument instanceof Uint8Array) {
      const address = this.#reserve(argument.length);
      this.#module.HEAPU8.set(argument, address);
      return address;
    }
    if ("tensor" in argument) {
      const place = this.of(argument.tensor);
      this.#makeTensor(place);
      if (!this.#isFixed(place)) place.ids.push({ args, at });
      return place.id;
    }
    const begin = this.#reserve(argument.length * 4);
    argument.forEach((part, i) => {
      const address = begin + i * 4;
      if (typeof part === "number") return this.#write(address, part);
      const place = this.of(part.tensor);
      this.#makeTensor(place);
      if (!this.#isFixed(place)) place.words.push({ address });
      this.#write(address, place.id);
    });
    return begin;
  }

  /** The tensors that a kernel in JavaScript is given. */
  infosOf(uses: Uses): unknown {
    if (!uses) return uses;
    if (Array.isArray(uses)) return uses.map((inner) => this.infosOf(inner));
    if (!("memory" in uses)) {
      return Object.fromEntries(
        Object.entries(uses).map(([name, inner]) => [name, this.infosOf(inner)]),
      );
    }
    const { memory, shape, dtype } = uses as TensorUse;
    const place = this.of(memory);
    this.#makeTensor(place);
    const size = tf.util.sizeFromShape(shape);
    const info = { dataId: place.dataId!, shape, dtype, rank: shape.length, size };
    if (!this.#isFixed(place)) place.infos.push(info);
    return info;
  }

  /** Moves a piece of memory to the memory of a tensor, and changes all that refers to it. */
  link(place: Place, dataId: object): void {
    const { memoryOffset: offset, id } = this.#backend.dataIdMap.get(dataId);
    const memoryOffset = offset >>> 0;
    if (place.dataId !== dataId) { for (const info of place.infos) info.dataId = dataId; }
    place.dataId = dataId;
    if (place.id === id && place.address === memoryOffset) return;
    place.id = id;
    for (const { args, at } of place.ids) args[at] = id;
    this.move(place, memoryOffset);
    for (const { address, offset } of place.words) {
      this.#write(address, offset === undefined ? id : memoryOffset + offset);
    }
  }

  /** Changes the arguments that hold the address of a piece of memory. */
  move(place: Place, address: number): void {
    place.address = address;
    for (const { args, at, offset } of place.addresses) args[at] = address + offset;
  }

  /** Takes the memory back from the tensors that were made of it. */
  dispose(): void {
    for (const place of this.#all.values()) {
      if (place.dataId && this.#isFixed(place)) takeMemoryBack(this.#backend, place.dataId);
    }
  }
}

/** The private parts of the backend that count tensors. */
interface Numbering {
  dataIdNextNumber: number;
  wasm: {
    tfjs: {
      registerTensor(id: number, size: number, address: number): void;
      disposeData(id: number): void;
    };
  };
}

function numberingOf(backend: BackendWasm): Numbering {
  return backend as unknown as Numbering;
}

/** Makes memory that belongs to something else a tensor of the backend; returns its data id. */
function lendMemory(
  backend: BackendWasm,
  address: number,
  shape: number[],
  dtype: tf.DataType,
): object {
  const numbering = numberingOf(backend);
  const id = numbering.dataIdNextNumber++;
  const dataId = {};
  numbering.wasm.tfjs.registerTensor(id, tf.util.sizeFromShape(shape), address);
  backend.dataIdMap.set(dataId, { id, memoryOffset: address, shape, dtype, refCount: 1 });
  return dataId;
}

/** Takes memory back that was lent. */
function takeMemoryBack(backend: BackendWasm, dataId: object): void {
  numberingOf(backend).wasm.tfjs.disposeData(backend.dataIdMap.get(dataId).id);
  backend.dataIdMap.delete(dataId);
}

/**
 * Gives tensors other numbers. In two recordings of a step, an argument that is a number of a tensor
 * is then another one, and every other argument is the same.
 */
export function renumber(backend: BackendWasm, dataIds: Iterable<object>): void {
  const numbering = numberingOf(backend);
  for (const dataId of new Set(dataIds)) {
    if (!backend.dataIdMap.has(dataId)) continue;
    const data = backend.dataIdMap.get(dataId);
    if (data.memoryOffset === null) continue;
    numbering.wasm.tfjs.disposeData(data.id);
    data.id = numbering.dataIdNextNumber++;
    numbering.wasm.tfjs.registerTensor(
      data.id,
      tf.util.sizeFromShape(data.shape),
      data.memoryOffset,
    );
  }
}

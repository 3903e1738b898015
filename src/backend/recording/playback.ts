import { tf } from "../../deps/tfjs.ts";
import type { BackendWasm } from "../../deps/tfjs_wasm.ts";
import type { Elements } from "../../tensors/tensor_memory.ts";
import { type Emscripten, emscriptenOf } from "../emscripten.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { layOut } from "./arena.ts";
import type { LinkedArgument, LinkedCall, Program } from "./match_recordings.ts";
import { memoriesOf, pruneCalls } from "./prune_calls.ts";
import type { Argument, Memory, TensorUse, Uses } from "./recording.ts";
import { lendMemory, takeMemoryBack } from "./tensor_numbers.ts";

/** The results of a step that was played back; the tensors are the caller's. */
export interface Played {
  /** The outputs, in the order of the program. */
  readonly outputs: readonly tf.Tensor[];
  /** Variables, and the values that they are to be assigned. */
  readonly assigned: readonly (readonly [variable: tf.Variable, value: tf.Tensor])[];
  /** The weight that each inspection found. */
  readonly weights: readonly (number | undefined)[];
}

/** Where a piece of memory is now, and all that refers to it. */
interface Place {
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

type Fn = (...args: number[]) => unknown;

/** The parts of TensorFlow.js's module that a playback uses. */
interface StockModule extends Omit<Emscripten, "asm"> {
  asm: Record<string, Fn>;
}

/** Spare bytes behind a block: kernels may read a vector beyond the end of a tensor. */
const SPARE = 64;

/**
 * Plays a program back: calls its kernels on memory of its own.
 *
 * Intermediate results lie in an arena, by their lifetimes. Tensors of the batch, weights and results
 * are wherever they are: before each step, the arguments that refer to one that has moved are
 * changed. Results are ordinary tensors, new in each step, so that a callback may keep them.
 */
export class Playback {
  readonly #heap: KernelHeap;
  readonly #backend: BackendWasm;
  readonly #module: StockModule;
  readonly #program: Program;
  readonly #places = new Map<Memory, Place>();
  readonly #functions: Fn[] = [];
  readonly #args: number[][] = [];
  readonly #inputs: Place[] = [];
  readonly #variables: Place[] = [];
  readonly #held: Place[] = [];
  readonly #results: Place[];
  readonly #leftBehind: ReadonlySet<Memory>;
  readonly #scratch: Place;
  readonly #shared: Place;
  readonly #base: number;
  /** Size of the arena with all constants and tables, in bytes. */
  readonly bytes: number;
  #next: number;
  #moves = -1;

  /** @throws {RangeError} If the heap has no room for the arena. */
  constructor(program: Program, heap: KernelHeap) {
    this.#program = program;
    this.#heap = heap;
    this.#backend = heap.backend;
    this.#module = emscriptenOf(heap.backend) as unknown as StockModule;
    const calls = pruneCalls(program);
    const { offsets, bytes: arena } = this.#layOut(calls);
    this.bytes = arena + bytesOfConstants(calls) + SPARE;
    const block = this.#module._malloc(this.bytes + SPARE) >>> 0;
    if (block === 0) {
      throw new RangeError(
        `Cannot compile a step as the heap must have room for ${this.bytes} bytes: it has not`,
      );
    }
    this.#base = block;
    const start = Math.ceil(block / SPARE) * SPARE;
    this.#next = start + arena;
    this.#leftBehind = outputsOf(program);
    this.#results = [...this.#leftBehind].map((memory) => this.#place(memory));
    this.#scratch = this.#place(SCRATCH);
    this.#shared = this.#place(SHARED);
    for (const [memory, offset] of offsets) this.#place(memory).address = start + offset;
    for (const call of calls) this.#add(call);
    for (const inspection of program.inspections) {
      for (const { memory } of inspection.inputs) this.#place(memory);
    }
    for (const place of this.#places.values()) {
      if (place.memory.kind === "input") this.#inputs.push(place);
      else if (place.memory.kind === "variable") this.#variables.push(place);
      else if (place.memory.kind === "held") this.#held.push(place);
    }
  }

  #layOut(calls: readonly LinkedCall[]): { offsets: Map<Memory, number>; bytes: number } {
    const outputs = outputsOf(this.#program);
    const lifetimes = new Map<Memory, { bytes: number; first: number; last: number }>();
    calls.forEach((call, at) => {
      for (const memory of memoriesOf(call)) {
        if (memory.kind !== "result" && memory.kind !== "random" || outputs.has(memory)) continue;
        const lifetime = lifetimes.get(memory);
        if (lifetime) lifetime.last = at;
        else lifetimes.set(memory, { bytes: memory.bytes, first: at, last: at });
      }
    });
    const { offsets, bytes } = layOut([...lifetimes.values()]);
    return { offsets: new Map([...lifetimes.keys()].map((key, i) => [key, offsets[i]])), bytes };
  }

  /** Takes bytes behind the arena. */
  #reserve(bytes: number): number {
    const address = this.#next;
    this.#next += Math.ceil(Math.max(bytes, 1) / SPARE) * SPARE;
    return address;
  }

  #place(memory: Memory): Place {
    // There is one scratch memory, and one shared memory.
    const key = memory.kind === "scratch" ? SCRATCH : memory.kind === "shared" ? SHARED : memory;
    let place = this.#places.get(key);
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
    this.#places.set(key, place);
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

  #add(call: LinkedCall): void {
    const args: number[] = [];
    this.#args.push(args);
    this.#functions.push(this.#functionOf(call, args));
  }

  #functionOf(call: LinkedCall, args: number[]): Fn {
    const heap = this.#heap;
    switch (call.type) {
      case "kernel": {
        const { name, split } = call;
        call.args.forEach((argument, at) => args[at] = this.#addressOf(argument, args, at));
        return heap.threads && split
          ? (...args) => heap.run(name, args, split)
          : heap.kernels[name];
      }
      case "linkedStock":
        call.args.forEach((argument, at) => args[at] = this.#linkOf(argument, args, at));
        return this.#module.asm[call.name];
      case "scratch":
        return () => heap.scratch(call.zeros, call.more);
      case "random": {
        const to = this.#place(call.memory);
        return () => {
          const tensor = call.make(Math.random());
          this.#take(tensor, to);
          tensor.dispose();
        };
      }
      case "script": {
        const inputs = this.#infosOf(call.inputs);
        const results = call.results.map((memory) => memory && this.#place(memory));
        return () => {
          [call.run(inputs)].flat().forEach((info, i) => {
            const to = results[i];
            if (to && tf.util.sizeFromShape((info as tf.TensorInfo).shape) !== sizeOf(to.memory)) {
              throw new Error(
                `Cannot play a step back as the result of ${call.name} must have ` +
                  `${sizeOf(to.memory)} elements: current shape is [${
                    (info as tf.TensorInfo).shape
                  }]`,
              );
            }
            if (to) this.#take(info as tf.TensorInfo, to);
            this.#backend.disposeData((info as tf.TensorInfo).dataId);
          });
        };
      }
    }
  }

  /** Copies the elements of a tensor to a place. */
  #take({ dataId }: tf.TensorInfo, { address, memory }: Place): void {
    const from = this.#backend.dataIdMap.get(dataId).memoryOffset >>> 0;
    this.#module.HEAPU8.copyWithin(address, from, from + memory.bytes);
  }

  #addressOf(argument: Argument, args: number[], at: number): number {
    if (typeof argument === "number") return argument;
    if ("table" in argument) return this.#writeTable(argument.table);
    const place = this.#place(argument.memory);
    if (!this.#isFixed(place)) place.addresses.push({ args, at, offset: argument.offset });
    return place.address + argument.offset;
  }

  #writeTable(table: readonly (number | { memory: Memory; offset: number })[]): number {
    const begin = this.#reserve(table.length * 4);
    table.forEach((field, i) => {
      const address = begin + i * 4;
      if (typeof field === "number") return this.#write(address, field);
      const place = this.#place(field.memory);
      if (!this.#isFixed(place)) place.words.push({ address, offset: field.offset });
      this.#write(address, place.address + field.offset);
    });
    return begin;
  }

  #write(address: number, value: number): void {
    new DataView(this.#module.HEAPU8.buffer).setInt32(address, value, true);
  }

  #linkOf(argument: LinkedArgument, args: number[], at: number): number {
    if (typeof argument === "number") return argument;
    if (argument instanceof Uint8Array) {
      const address = this.#reserve(argument.length);
      this.#module.HEAPU8.set(argument, address);
      return address;
    }
    if ("tensor" in argument) {
      const place = this.#place(argument.tensor);
      this.#makeTensor(place);
      if (!this.#isFixed(place)) place.ids.push({ args, at });
      return place.id;
    }
    const begin = this.#reserve(argument.length * 4);
    argument.forEach((part, i) => {
      const address = begin + i * 4;
      if (typeof part === "number") return this.#write(address, part);
      const place = this.#place(part.tensor);
      this.#makeTensor(place);
      if (!this.#isFixed(place)) place.words.push({ address });
      this.#write(address, place.id);
    });
    return begin;
  }

  #infosOf(uses: Uses): unknown {
    if (!uses) return uses;
    if (Array.isArray(uses)) return uses.map((inner) => this.#infosOf(inner));
    if (!("memory" in uses)) {
      return Object.fromEntries(
        Object.entries(uses).map(([name, inner]) => [name, this.#infosOf(inner)]),
      );
    }
    const { memory, shape, dtype } = uses as TensorUse;
    const place = this.#place(memory);
    this.#makeTensor(place);
    const size = tf.util.sizeFromShape(shape);
    const info = { dataId: place.dataId!, shape, dtype, rank: shape.length, size };
    if (!this.#isFixed(place)) place.infos.push(info);
    return info;
  }

  /** Moves a piece of memory to the memory of a tensor, and changes all that refers to it. */
  #link(place: Place, dataId: object): void {
    const { memoryOffset: offset, id } = this.#backend.dataIdMap.get(dataId);
    const memoryOffset = offset >>> 0;
    if (place.dataId !== dataId) { for (const info of place.infos) info.dataId = dataId; }
    place.dataId = dataId;
    if (place.id === id && place.address === memoryOffset) return;
    place.id = id;
    for (const { args, at } of place.ids) args[at] = id;
    this.#move(place, memoryOffset);
    for (const { address, offset } of place.words) {
      this.#write(address, offset === undefined ? id : memoryOffset + offset);
    }
  }

  #move(place: Place, address: number): void {
    place.address = address;
    for (const { args, at, offset } of place.addresses) args[at] = address + offset;
  }

  /** Scratch memory moves when it grows. */
  #linkRegions(): void {
    const heap = this.#heap;
    if (this.#moves === heap.moves) return;
    for (const call of this.#program.calls) {
      if (call.type === "scratch") heap.scratch(call.zeros, call.more);
    }
    this.#move(this.#scratch, heap.scratch());
    this.#move(this.#shared, heap.shared(this.#sharedBytes));
    this.#moves = heap.moves;
  }

  get #sharedBytes(): number {
    return Math.max(
      0,
      ...this.#program.calls.flatMap(memoriesOf).map(({ kind, bytes }) =>
        kind === "shared" ? bytes : 0
      ),
    );
  }

  /**
   * Whether a batch leads to the same operations, and the weights that the inspections of its
   * elements found.
   *
   * @param inputs The tensors of the batch.
   * @returns The weights; `undefined` if other operations would follow, or an inspection threw.
   */
  #inspect(inputs: readonly tf.Tensor[]): (number | undefined)[] | undefined {
    try {
      const weights: (number | undefined)[] = [];
      for (const { inputs: uses, inspect, decision } of this.#program.inspections) {
        const facts = inspect(uses.map((use) => this.#elementsOf(inputs, use)));
        if ((JSON.stringify(facts.decision) ?? "") !== decision) return;
        weights.push(facts.weight);
      }
      return weights;
    } catch {
      return;
    }
  }

  #elementsOf(inputs: readonly tf.Tensor[], { memory, shape }: TensorUse): Elements {
    const { dataId, dtype } = inputs[memory.index!];
    return this.#backend.typedArrayFromHeap({ dataId, dtype, shape }) as Elements;
  }

  /** Whether a batch leads to the same operations. */
  fits(inputs: readonly tf.Tensor[]): boolean {
    return this.#inspect(inputs) !== undefined;
  }

  /** Whether all variables and tensors that were made before the step still exist. */
  get isValid(): boolean {
    const { dataIdMap } = this.#backend;
    return this.#variables.every(({ memory }) => !memory.variable!.isDisposed) &&
      this.#held.every(({ memory }) => {
        const { dataId, id } = memory.held!;
        return dataIdMap.has(dataId) && dataIdMap.get(dataId).id === id;
      });
  }

  /**
   * Plays a step back.
   *
   * @param inputs The tensors of the batch, in the order of the recording.
   * @returns The results; `undefined` if this batch leads to other operations.
   * @throws {unknown} If a kernel throws: that.
   */
  play(inputs: readonly tf.Tensor[]): Played | undefined {
    const weights = this.#inspect(inputs);
    if (!weights) return;
    const backend = this.#backend;
    this.#linkRegions();
    for (const place of this.#inputs) this.#link(place, inputs[place.memory.index!].dataId);
    for (const place of this.#variables) this.#link(place, place.memory.variable!.dataId);
    for (const place of this.#held) this.#link(place, place.memory.held!.dataId);
    const infos = this.#results.map(({ memory }) => backend.makeOutput(memory.shape, memory.dtype));
    try {
      this.#results.forEach((place, i) => this.#link(place, infos[i].dataId));
      const functions = this.#functions, args = this.#args;
      for (let i = 0; i < functions.length; i++) functions[i](...args[i]);
    } catch (error) {
      for (const { dataId } of infos) backend.disposeData(dataId);
      throw error;
    }
    const tensorOf = ({ memory, shape, dtype }: TensorUse) => {
      const { dataId } = this.#places.get(memory)!;
      backend.incRef(dataId!);
      return tf.engine().makeTensorFromTensorInfo({ dataId: dataId!, shape, dtype });
    };
    const { outputs, assigned } = this.#program;
    const played: Played = {
      outputs: outputs.map(tensorOf),
      assigned: assigned.map(({ variable, value }) =>
        [variable, tensorOf({ ...value, memory: value })] as const
      ),
      weights,
    };
    // Each tensor has counted its own reference.
    for (const { dataId } of infos) backend.disposeData(dataId);
    return played;
  }

  /** Frees the arena. */
  dispose(): void {
    for (const place of this.#places.values()) {
      if (place.dataId && this.#isFixed(place)) takeMemoryBack(this.#backend, place.dataId);
    }
    this.#module._free(this.#base);
  }
}

function sizeOf({ shape }: Memory): number {
  return tf.util.sizeFromShape(shape);
}

const region = (kind: "scratch" | "shared"): Memory => ({
  kind,
  name: kind,
  shape: [],
  dtype: "int32",
  bytes: 0,
});
const SCRATCH = region("scratch"), SHARED = region("shared");

/** The memory that a step leaves behind. */
function outputsOf({ outputs, assigned }: Program): Set<Memory> {
  return new Set([...outputs.map(({ memory }) => memory), ...assigned.map(({ value }) => value)]);
}

/** Bytes of the constants, tables and arrays of calls, each rounded up. */
function bytesOfConstants(calls: readonly LinkedCall[]): number {
  const constants = new Set(
    calls.flatMap(memoriesOf).filter(({ kind }) => kind === "constant"),
  );
  const sizes = [...constants].map(({ bytes }) => bytes);
  for (const call of calls) {
    if (call.type === "kernel") {
      for (const argument of call.args) {
        if (typeof argument === "object" && "table" in argument) {
          sizes.push(argument.table.length * 4);
        }
      }
    } else if (call.type === "linkedStock") {
      for (const argument of call.args) {
        if (argument instanceof Uint8Array) sizes.push(argument.length);
        else if (Array.isArray(argument)) sizes.push(argument.length * 4);
      }
    }
  }
  return sizes.reduce((sum, bytes) => sum + Math.ceil(Math.max(bytes, 1) / SPARE) * SPARE, 0);
}

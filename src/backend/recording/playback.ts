import { type BackendWasm, tf } from "../../deps/tfjs.ts";
import { type Elements, weightBy } from "../../tensors/tensor_memory.ts";
import { emscriptenOf } from "../wasm_modules.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { pruneCopies } from "./box_copies.ts";
import { layOut, type LinkedCall, memoriesOf, type Program, pruneCalls } from "./program.ts";
import { type Fn, type Place, Places, SCRATCH, SHARED, SPARE, type StockModule } from "./places.ts";
import type { Memory, TensorUse } from "./recording.ts";

/** The kernels that trap on purpose: where an index is out of range. */
const CHECKS = ["checkIndices", "flattenIndices"];

/** An output that is made when something asks for it. */
interface LateOutput {
  readonly place: Place;
  /** Its memory; no `dataId` once a tensor has taken it, until the next step. */
  readonly info: { dataId?: object; readonly shape: number[]; readonly dtype: tf.DataType };
}

/** The results of a step that was played back; the tensors are the caller's. */
export interface Played {
  /** The outputs, in the order of the program; those that are late are no tensors yet. */
  readonly outputs: readonly tf.Tensor[];
  /** Variables, and the values that they are to be assigned. */
  readonly assigned: readonly (readonly [variable: tf.Variable, value: tf.Tensor])[];
  /** The weight of the loss; `undefined` if it is the number of examples. */
  readonly weight: number | undefined;
}

/**
 * Plays a program back: calls its kernels on memory of its own.
 *
 * Intermediate results lie in an arena, by their lifetimes. Tensors of the batch, weights and results
 * are wherever they are: before each step, the arguments that refer to one that has moved are
 * changed. Results are ordinary tensors, new in each step, so that a callback may keep them. Late
 * ones keep their memory from step to step until something asks for the tensor.
 */
export class Playback {
  readonly #heap: KernelHeap;
  readonly #backend: BackendWasm;
  readonly #module: StockModule;
  readonly #program: Program;
  readonly #places: Places;
  readonly #functions: Fn[] = [];
  readonly #args: number[][] = [];
  readonly #inputs: Place[] = [];
  readonly #variables: Place[] = [];
  readonly #held: Place[] = [];
  /** The results that are new in each step. */
  readonly #results: Place[] = [];
  /** The late outputs, and the memory of those that are no tensors yet. */
  readonly #late = new Map<number, LateOutput>();
  readonly #lateOutputs: readonly LateOutput[];
  /** Makes memory for the results of a step. */
  readonly #make = ({ memory: { shape, dtype } }: Place) => this.#backend.makeOutput(shape, dtype);
  readonly #scratch: Place;
  readonly #shared: Place;
  readonly #base: number;
  /** Size of the arena with all constants and tables, in bytes. */
  readonly bytes: number;
  /** Whether a step may draw random numbers. */
  readonly draws: boolean;
  #moves = -1;

  /**
   * @param late Indices of outputs that are made when something asks for them: no two outputs may
   *   share their memory. Default: none.
   * @throws {RangeError} If the heap has no room for the arena.
   */
  constructor(program: Program, heap: KernelHeap, late: readonly number[] = []) {
    this.#program = program;
    this.#heap = heap;
    this.#backend = heap.backend;
    this.#module = emscriptenOf(heap.backend) as unknown as StockModule;
    const leftBehind = outputsOf(program);
    const calls = pruneCopies(pruneCalls(program), leftBehind);
    this.draws = calls.some(({ type }) => type === "script" || type === "random");
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
    this.#places = new Places(this.#backend, this.#module, leftBehind, start + arena);
    for (const index of late) {
      const { memory, shape, dtype } = program.outputs[index];
      const info = { dataId: undefined, shape, dtype };
      this.#late.set(index, { place: this.#places.of(memory), info });
    }
    this.#lateOutputs = [...this.#late.values()];
    const kept = new Set(late.map((index) => program.outputs[index].memory));
    for (const memory of leftBehind.difference(kept)) this.#results.push(this.#places.of(memory));
    this.#scratch = this.#places.of(SCRATCH);
    this.#shared = this.#places.of(SHARED);
    for (const [memory, offset] of offsets) this.#places.of(memory).address = start + offset;
    for (const call of calls) this.#add(call);
    for (const inspection of program.inspections) {
      for (const { memory } of inspection.inputs) this.#places.of(memory);
    }
    for (const place of this.#places) {
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
        call.args.forEach((argument, at) => args[at] = this.#places.addressOf(argument, args, at));
        return heap.threads && split
          ? (...args) => heap.run(name, args, split)
          : heap.kernels[name];
      }
      case "linkedStock":
        call.args.forEach((argument, at) => args[at] = this.#places.numberOf(argument, args, at));
        return this.#module.asm[call.name];
      case "scratch":
        return () => heap.scratch(call.zeros, call.more);
      case "random": {
        const to = this.#places.of(call.memory);
        return () => {
          const tensor = call.make(Math.random());
          this.#take(tensor, to);
          tensor.dispose();
        };
      }
      case "script": {
        const inputs = this.#places.infosOf(call.inputs);
        const results = call.results.map((memory) => memory && this.#places.of(memory));
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

  /** Scratch memory moves when it grows. */
  #linkRegions(): void {
    const heap = this.#heap;
    if (this.#moves === heap.moves) return;
    for (const call of this.#program.calls) {
      if (call.type === "scratch") heap.scratch(call.zeros, call.more);
    }
    this.#places.move(this.#scratch, heap.scratch());
    this.#places.move(this.#shared, heap.shared(this.#sharedBytes));
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
        const { decision: found, weight } = inspect(
          uses.map((use) => this.#elementsOf(inputs, use)),
        );
        const text = found === undefined ? "" : JSON.stringify(found) ?? "";
        if (text !== decision) return;
        weights.push(weight);
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
   * Plays a step back. Variables and states are left as they are: the caller assigns them.
   *
   * @param inputs The tensors of the batch, in the order of the recording.
   * @returns The results; `undefined` if this batch leads to other operations, or one of its indices
   *   is out of range.
   * @throws {unknown} If a kernel in JavaScript throws, or one in WebAssembly traps otherwise: that.
   */
  play(inputs: readonly tf.Tensor[]): Played | undefined {
    const weights = this.#inspect(inputs);
    if (!weights) return;
    const backend = this.#backend;
    this.#linkRegions();
    for (const place of this.#inputs) this.#places.link(place, inputs[place.memory.index!].dataId);
    for (const place of this.#variables) this.#places.link(place, place.memory.variable!.dataId);
    for (const place of this.#held) this.#places.link(place, place.memory.held!.dataId);
    const infos = this.#results.map(this.#make);
    for (const { place, info } of this.#lateOutputs) {
      if (!info.dataId) this.#places.link(place, info.dataId = this.#make(place).dataId);
    }
    const functions = this.#functions, args = this.#args;
    let at = -1;
    try {
      for (let i = 0; i < infos.length; i++) this.#places.link(this.#results[i], infos[i].dataId);
      for (at = 0; at < functions.length; at++) functions[at](...args[at]);
    } catch (error) {
      for (const { dataId } of infos) backend.disposeData(dataId);
      const isCheck = CHECKS.some((name) => functions[at] === this.#heap.kernels[name]);
      // Taken by operations, the step says which index it is. Any other trap is a fault of the playback.
      if (isCheck && error instanceof WebAssembly.RuntimeError) return;
      throw error;
    }
    const { outputs, assigned, weight } = this.#program;
    const tensors = new Array<tf.Tensor>(outputs.length);
    for (let i = 0; i < outputs.length; i++) {
      if (!this.#late.has(i)) tensors[i] = this.#tensorOf(outputs[i].memory, outputs[i]);
    }
    const played: Played = {
      outputs: tensors,
      assigned: assigned.map(({ variable, value }) =>
        [variable, this.#tensorOf(value, value)] as const
      ),
      weight: weightBy(weight, weights),
    };
    // Each tensor has counted its own reference.
    for (let i = 0; i < infos.length; i++) backend.disposeData(infos[i].dataId);
    return played;
  }

  #tensorOf(memory: Memory, { shape, dtype }: { shape: number[]; dtype: tf.DataType }): tf.Tensor {
    const dataId = this.#places.of(memory).dataId!;
    this.#backend.incRef(dataId);
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype });
  }

  /** The elements of a late output of the last step, until it is made. */
  memoryOf(index: number): tf.TensorInfo {
    return this.#late.get(index)!.info as tf.TensorInfo;
  }

  /** Makes a late output of the last step a tensor, which the caller disposes. */
  make(index: number): tf.Tensor {
    const { info } = this.#late.get(index)!;
    const tensor = tf.engine().makeTensorFromTensorInfo(info as tf.TensorInfo);
    info.dataId = undefined;
    return tensor;
  }

  /** Frees the arena. The memory of a backend that is gone is gone, too. */
  dispose(): void {
    if (!this.#backend.wasm) return;
    for (const { info: { dataId } } of this.#late.values()) {
      if (dataId) this.#backend.disposeData(dataId);
    }
    this.#places.dispose();
    this.#module._free(this.#base);
  }
}

function sizeOf({ shape }: Memory): number {
  return tf.util.sizeFromShape(shape);
}

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

import { tf } from "../../deps/tfjs.ts";
import {
  type Elements,
  type Facts,
  type InspectionObserver,
  observeInspections,
} from "../../tensors/tensor_memory.ts";
import type { KernelHeap, Split } from "../kernel_heap.ts";
import {
  type KernelInput,
  type LayerObserver,
  listen,
  type Normal,
  recognizeDraw,
  type StepListener,
  watchLayers,
} from "./listen.ts";
import {
  type AnyCall,
  type Call,
  type Memory,
  type Operation,
  type Output,
  type Recording,
  StepInspections,
  type Uses,
} from "./recording.ts";
import {
  describe,
  type KnownTensor,
  memoriesIn,
  StepAddresses,
  StepMemory,
  tensorsOf,
} from "./step_memory.ts";
import { renumber } from "./places.ts";

/** The reason not to play random numbers back. */
const DRAWS =
  "it draws random numbers that are neither uniform from 0 to 1 nor standard normal, nor " +
  "those of a layer of noise";

/** A step to record. */
export interface RecordedStep {
  /** The tensors of the batch, in their order. */
  readonly inputs: readonly tf.Tensor[];
  /** Whether tensors that were made before the step may be part of it. */
  readonly holds: boolean;
  /** Takes the step. */
  work(): void;
  /** The tensors that the step has left behind, by name. */
  outputs(): readonly (readonly [name: string, tensor: tf.Tensor])[];
  /** The loss as the loss function has returned it; `undefined` in a prediction. */
  loss(): tf.Tensor | undefined;
}

/** A recording, or the reason why the step cannot be played back. */
export type RecordResult =
  | { readonly recording: Recording; readonly reason?: undefined }
  | { readonly recording?: undefined; readonly reason: string };

/** A kernel that is running. */
interface Frame {
  readonly text: string;
  /** Index of its first call. */
  readonly first: number;
  readonly reads: Set<Memory>;
  readonly makes: Set<Memory>;
  /** Tensors that it may compute with, the newest last. */
  readonly tensors: KnownTensor[];
  touched: boolean;
  children: number;
  /** Number of tensors that it has made itself. */
  made: number;
}

/** Kernels of TensorFlow.js that keep a packed copy of weights, by the number of their tensor. */
const CACHING = new Set([
  "Conv2D",
  "DepthwiseConv2dNative",
  "FusedConv2D",
  "FusedDepthwiseConv2D",
  "Prelu",
  "_FusedMatMul",
]);

/** Kernels that write to their inputs. */
const IN_PLACE = new Set([
  "TrainchartAdam",
  "TrainchartRmsprop",
  "TrainchartScale",
  "TrainchartSgd",
  "TrainchartStockUpdate",
]);

/** Kernels whose results have shapes that depend on the elements of their inputs. */
const SHAPED_BY_ELEMENTS = new Set([
  "NonMaxSuppressionV3",
  "NonMaxSuppressionV4",
  "NonMaxSuppressionV5",
  "SparseFillEmptyRows",
  "SparseReshape",
  "StringNGrams",
  "StringSplit",
  "Unique",
  "Where",
]);

/**
 * Listens to a step that is taken as always, and writes down what it does.
 *
 * It understands calls, the tensors that they use, constants, and random numbers. Whatever else a
 * step does, such as reading values, is the reason not to play it back.
 */
export class Recorder implements StepListener, InspectionObserver, LayerObserver {
  readonly #heap: KernelHeap;
  /** The normal distributions that layers draw from. */
  readonly #normals: Normal[] = [];
  readonly #memory: StepMemory;
  readonly #calls: Call[] = [];
  readonly #operations: Operation[] = [];
  readonly #inspections: StepInspections;
  readonly #addresses: StepAddresses;
  readonly #assigned: { variable: tf.Variable; value: Memory }[] = [];
  readonly #frames: Frame[] = [];
  #draws: number[] = [];
  #quiet = 0;
  #reason = "";

  private constructor(
    heap: KernelHeap,
    { inputs, holds }: RecordedStep,
    variables: readonly tf.Variable[],
  ) {
    this.#heap = heap;
    const refuse = (reason: string) => this.#refuse(reason);
    this.#inspections = new StepInspections(refuse);
    this.#addresses = new StepAddresses(heap, refuse);
    this.#memory = new StepMemory(heap.backend, inputs, variables, holds, refuse);
  }

  /**
   * Takes a step, and records it.
   *
   * @throws {unknown} If the step throws: that.
   */
  static record(heap: KernelHeap, step: RecordedStep): RecordResult {
    const variables = Object.values(tf.engine().registeredVariables);
    const recorder = new Recorder(heap, step, variables);
    // Tensors of another backend move to this one now, and not in the middle of a kernel.
    for (const { dataId } of step.inputs) heap.backend.dataIdMap.get(dataId);
    renumber(heap.backend, [...step.inputs, ...variables].map(({ dataId }) => dataId));
    const { assign } = tf.Variable.prototype;
    const observer = observeInspections(recorder);
    tf.Variable.prototype.assign = function (this: tf.Variable, value: tf.Tensor) {
      recorder.#assign(this, value);
      assign.call(this, value);
    };
    try {
      listen(heap, recorder, () => watchLayers(recorder, () => step.work()));
    } finally {
      tf.Variable.prototype.assign = assign;
      observeInspections(observer);
    }
    return recorder.#finish(step.outputs(), step.loss());
  }

  #finish(
    tensors: readonly (readonly [name: string, tensor: tf.Tensor])[],
    loss: tf.Tensor | undefined,
  ): RecordResult {
    if (this.#draws.length > 0) this.#refuse("a random number is drawn for something unknown");
    const outputs = tensors.map(([name, { dataId, shape, dtype }]): Output => {
      const memory = this.#memory.find(dataId);
      if (memory?.kind === "result") return { name, memory, shape, dtype };
      this.#refuse(`its ${name} is not computed in the step`);
      return { name, memory: this.#addresses.scratch, shape, dtype };
    });
    if (this.#reason) return { reason: this.#reason };
    return {
      recording: {
        calls: this.#calls,
        operations: this.#operations,
        inspections: this.#inspections.all,
        weight: this.#inspections.weightOf(loss),
        outputs,
        assigned: this.#assigned,
      },
    };
  }

  #refuse(reason: string): void {
    this.#reason ||= reason;
  }

  /** The engine calls a kernel. */
  kernel(name: string, run: (input: KernelInput) => unknown, input: KernelInput): unknown {
    if (this.#quiet > 0) return run(input);
    if (IN_PLACE.has(name)) this.#refuse(`${name} writes to its inputs`);
    if (SHAPED_BY_ELEMENTS.has(name)) {
      this.#refuse(`the shape of the result of ${name} depends on numbers`);
    }
    if (this.#draws.length > 0) this.#refuse("a random number is drawn for something unknown");
    const uses = this.#memory.usesOf(input.inputs);
    const reads = new Set(memoriesIn(uses));
    const frame: Frame = {
      text: `${name}(${describe(uses)}) ${JSON.stringify(input.attrs)}`,
      first: this.#calls.length,
      reads,
      makes: new Set(),
      tensors: tensorsOf(input.inputs).map(({ dataId }) => ({
        dataId,
        memory: this.#memory.find(dataId)!,
      })),
      touched: false,
      children: 0,
      made: 0,
    };
    this.#frames.push(frame);
    let output: unknown;
    try {
      output = run(input);
    } finally {
      this.#frames.pop();
    }
    if (this.#draws.length > 0) {
      frame.touched = true;
      this.#draws = [];
    }
    const made = [output].flat().map((info) => (info as tf.TensorInfo).dataId);
    const writes = this.#calls.length > frame.first;
    if (writes && tensorsOf(input.inputs).some(({ dataId }) => made.includes(dataId))) {
      this.#refuse(`${name} may write to its inputs`);
    }
    if (frame.touched) this.#script(name, frame, uses, run, input, output);
    const operation: Operation = { text: frame.text, reads, makes: frame.makes };
    let calls = 0;
    for (let i = frame.first; i < this.#calls.length; i++) {
      if (!this.#calls[i].operation) calls++;
      this.#calls[i].operation ??= operation;
    }
    if (frame.made > 0 && calls === 0) this.#refuse(`nothing is known about the work of ${name}`);
    this.#operations.push(operation);
    const parent = this.#frames.at(-1);
    if (parent) {
      parent.children++;
      parent.tensors.push(...frame.tensors);
      frame.makes.forEach((memory) => parent.makes.add(memory));
    }
    return output;
  }

  /** Replaces the calls of a kernel that works in JavaScript by a call of the kernel as a whole. */
  #script(
    name: string,
    frame: Frame,
    inputs: Uses,
    run: (input: KernelInput) => unknown,
    { attrs, backend }: KernelInput,
    output: unknown,
  ): void {
    if (frame.children > 0) this.#refuse(`${name} calls other kernels and works in JavaScript`);
    this.#calls.length = frame.first;
    const results = [output].flat().map((info) => {
      const memory = this.#memory.find((info as tf.TensorInfo).dataId);
      return memory && frame.makes.has(memory) ? memory : undefined;
    });
    this.#push({
      type: "script",
      name,
      run: (inputs) => run({ inputs, attrs, backend }),
      inputs,
      results,
    });
  }

  /** One of our kernels is called. */
  calls(name: string, args: number[], split?: Split): void {
    if (this.#quiet > 0) return;
    if (!this.#heap.addresses[name]) {
      return this.#refuse(`nothing is known about the kernel ${name}`);
    }
    const resolved = this.#addresses.resolveCall(name, args, this.#tensors);
    this.#push({ type: "kernel", name, args: resolved, split });
  }

  /** The tensors that the current kernel may compute with. */
  get #tensors(): readonly KnownTensor[] {
    return this.#frames.at(-1)?.tensors ?? [];
  }

  /** A table was written. */
  wroteTable(address: number, values: readonly number[], places: readonly number[]): void {
    if (this.#quiet > 0) return;
    this.#addresses.wroteTable(address, values, places, this.#tensors);
  }

  /** Scratch memory was prepared: only zeros beyond the smallest need it again. */
  prepared(address: number, zeros: number, more: number): void {
    if (this.#quiet > 0) return;
    this.#addresses.prepared(address);
    if (zeros > 1024 || more > 0) this.#push({ type: "scratch", zeros, more });
  }

  /** Shared memory was reserved. */
  reserved(address: number, bytes: number): void {
    if (this.#quiet === 0) this.#addresses.reserved(address, bytes);
  }

  /** A kernel of TensorFlow.js is called. */
  stock(name: string, types: readonly string[], args: readonly unknown[]): void {
    if (CACHING.has(name)) {
      return this.#refuse(`TensorFlow.js's ${name} keeps a copy of its weights`);
    }
    const frame = this.#frames.at(-1);
    if (!frame) return this.#refuse(`TensorFlow.js's ${name} is called outside of a kernel`);
    const { dataIdMap } = this.#heap.backend;
    const tensors = new Map<number, Memory>();
    for (const { dataId, memory } of frame.tensors) {
      if (dataIdMap.has(dataId)) tensors.set(dataIdMap.get(dataId).id, memory);
    }
    const copies = args.map((arg, i) => {
      if (types[i] === "array") return (arg as Uint8Array).slice();
      if (types[i] === "string") this.#refuse(`TensorFlow.js's ${name} takes text`);
      return Number(arg ?? 0);
    });
    this.#push({ type: "stock", name, args: copies, tensors });
  }

  /** A tensor was made. */
  made(dataId: object, shape: number[], dtype: tf.DataType, values: unknown): void {
    if (this.#quiet > 0) return;
    if (dtype === "string" || dtype === "complex64") return this.#refuse(`it has ${dtype} tensors`);
    if (values === "from a kernel") return this.#refuse("a kernel allocates memory itself");
    const frame = this.#frames.at(-1);
    if (frame) {
      if (values != null) frame.touched = true;
      const memory = this.#memory.result(dataId, shape, dtype);
      frame.made++;
      frame.makes.add(memory);
      frame.tensors.push({ dataId, memory });
      return;
    }
    if (!ArrayBuffer.isView(values)) return this.#refuse("memory is made outside of kernels");
    if (this.#draws.length > 0) return this.#random(dataId, shape, dtype, values);
    this.#memory.constant(dataId, shape, dtype, values);
  }

  #random(dataId: object, shape: number[], dtype: tf.DataType, values: ArrayBufferView): void {
    const draws = this.#draws;
    this.#draws = [];
    const memory = this.#memory.random(dataId, shape, dtype);
    const make = draws.length === 1 && dtype === "float32"
      ? this.#quietly(() => recognizeDraw(draws[0], shape, values as Float32Array, this.#normals))
      : undefined;
    if (!make) return this.#refuse(DRAWS);
    const { name, draw } = make;
    const operation: Operation = { text: name, reads: new Set(), makes: new Set([memory]) };
    this.#operations.push(operation);
    this.#push({ type: "random", memory, make: draw }, operation);
  }

  /** JavaScript reads or writes the heap. */
  touched(): void {
    if (this.#quiet > 0) return;
    const frame = this.#frames.at(-1);
    if (frame) frame.touched = true;
    else this.#refuse("values are read in the middle of the step");
  }

  /** A number was drawn. */
  drew(value: number): void {
    if (this.#quiet === 0) this.#draws.push(value);
  }

  /** A layer draws random numbers. */
  drawsFrom(normal: Normal): void {
    this.#normals.push(normal);
  }

  /** A layer begins with the states that it has kept: they must be inputs of the step. */
  keeps(layer: string, states: readonly tf.Tensor[]): void {
    if (states.every(({ dataId }) => this.#memory.find(dataId)?.kind === "input")) return;
    this.#refuse(
      `layer ${layer} keeps states, but is part of neither the Learner's model nor the objective's`,
    );
  }

  /** Elements of inputs are inspected. */
  inspects<F extends Facts>(
    tensors: readonly tf.Tensor[],
    inspect: (elements: readonly Elements[]) => F,
    work: () => F | undefined,
  ): F | undefined {
    const facts = this.#quietly(work);
    const inputs = tensors.map((tensor) => this.#memory.useOf(tensor));
    if (!inputs.every(({ memory }) => memory.kind === "input")) {
      this.#refuse("the loss looks at elements of computed tensors");
    }
    const decision = JSON.stringify(facts?.decision) ?? "";
    this.#inspections.all.push({
      inputs,
      inspect: inspect as never,
      decision,
      weight: facts?.weight,
    });
    return facts;
  }

  /** A loss was weighed. */
  weighs(loss: tf.Tensor, weight: number | undefined, parts?: readonly tf.Tensor[]): void {
    this.#inspections.weighs(loss, weight, parts);
  }

  #quietly<T>(work: () => T): T {
    this.#quiet++;
    try {
      return work();
    } finally {
      this.#quiet--;
    }
  }

  #assign(variable: tf.Variable, value: tf.Tensor): void {
    const memory = this.#memory.useOf(value).memory;
    if (memory.kind !== "result") {
      this.#refuse("a variable is assigned what the step does not compute");
    }
    const again = this.#assigned.findIndex((other) => other.variable === variable);
    if (again >= 0) this.#assigned.splice(again, 1);
    this.#assigned.push({ variable, value: memory });
  }

  /** The operation is known once its kernel has returned. */
  #push(call: AnyCall, operation?: Operation): void {
    this.#calls.push({ ...call, operation: operation! });
  }
}

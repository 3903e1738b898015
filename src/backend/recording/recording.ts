/**
 * A recorded step: calls into WebAssembly, and the memory that they use, without a single address.
 *
 * ```text
 * listen ──> Recorder ──> Recording ─┐
 *                                    ├─ matchRecordings ──> Program ──> Playback
 * listen ──> Recorder ──> Recording ─┘                                  (an arena, addresses)
 * ```
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { WeightRule } from "../../tensors/tensor_memory.ts";
import type { Split } from "../kernel_heap.ts";

/** The role of a piece of memory in a step. */
export type MemoryKind =
  /** A tensor of the batch, or another one that each step is given: a state, a share of a mixed loss. */
  | "input"
  /** The value of a variable when the step begins. */
  | "variable"
  /** A tensor that was made before the step. */
  | "held"
  /** Elements that a step makes in JavaScript, the same in each step. */
  | "constant"
  /** Random numbers that a step draws in JavaScript. */
  | "random"
  /** A result of a kernel. */
  | "result"
  /** Scratch memory of the main thread. */
  | "scratch"
  /** Memory that all threads read. */
  | "shared";

/** A piece of memory that a step uses. */
export interface Memory {
  /** Its role in the step. */
  readonly kind: MemoryKind;
  /** The name that it has in every recording of the step: `"weight dense/kernel"`, `"result 12"`. */
  readonly name: string;
  /** Shape of the tensor that it was made for. */
  readonly shape: number[];
  /** Type of its elements. */
  readonly dtype: tf.DataType;
  /** Its size. */
  readonly bytes: number;
  /** The variable. */
  readonly variable?: tf.Variable;
  /** The tensor that was made before the step, and its number. */
  readonly held?: { readonly dataId: object; readonly id: number };
  /** The bytes of a constant. */
  readonly values?: Uint8Array;
  /** Index of an input. */
  readonly index?: number;
}

/** A region of the heap that kernels share: there is one of each kind. */
export function regionOf(kind: "scratch" | "shared"): Memory & { bytes: number } {
  return { kind, name: kind, shape: [], dtype: "int32", bytes: 0 };
}

/** An address: a place in a piece of memory. */
export interface Address {
  readonly memory: Memory;
  /** In bytes. */
  readonly offset: number;
}

/** An argument of one of our kernels: a number, an address, or the address of a table. */
export type Argument = number | Address | { readonly table: readonly (number | Address)[] };

/** A tensor that a kernel is given, or gives. */
export interface TensorUse {
  readonly memory: Memory;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

/** Inputs of a kernel: by name, or in a list, as the kernel takes them. */
export type Uses = TensorUse | undefined | readonly Uses[] | { readonly [name: string]: Uses };

/** A call of one of our kernels. */
export interface KernelCall {
  readonly type: "kernel";
  readonly name: string;
  readonly args: readonly Argument[];
  readonly split?: Split;
}

/** A call of a kernel of TensorFlow.js, which takes tensors by their numbers. */
export interface StockCall {
  readonly type: "stock";
  readonly name: string;
  /** Numbers of tensors among other numbers: two recordings tell them apart. */
  readonly args: readonly (number | Int32Array | Uint8Array)[];
  /** The memory of the tensors that the kernel can know, by their numbers. */
  readonly tensors: ReadonlyMap<number, Memory>;
}

/** A preparation of scratch memory. */
export interface ScratchCall {
  readonly type: "scratch";
  readonly zeros: number;
  readonly more: number;
}

/** A kernel that works in JavaScript, or draws random numbers: it is called again as a whole. */
export interface ScriptCall {
  readonly type: "script";
  readonly name: string;
  run(inputs: unknown): unknown;
  readonly inputs: Uses;
  /** Its results; `undefined` for one that is an input. */
  readonly results: readonly (Memory | undefined)[];
}

/** A draw of random numbers outside of kernels. */
export interface RandomCall {
  readonly type: "random";
  readonly memory: Memory;
  /** Makes the numbers from a draw of `Math.random`. */
  make(draw: number): tf.Tensor;
}

/** A call of any kind. */
export type AnyCall = KernelCall | StockCall | ScratchCall | ScriptCall | RandomCall;

/** A call, and the operation that it belongs to. */
export type Call = AnyCall & { operation: Operation };

/** A kernel of an operation of TensorFlow.js, as the engine calls it. */
export interface Operation {
  /** Its name, inputs and attributes: two recordings must agree on them. */
  readonly text: string;
  /** Memory that it reads. */
  readonly reads: ReadonlySet<Memory>;
  /** Memory that it makes. */
  readonly makes: ReadonlySet<Memory>;
}

/** A function of the elements of inputs that decides which operations follow. */
export interface Inspection {
  readonly inputs: readonly TensorUse[];
  inspect(elements: readonly ArrayLike<number>[]): { decision?: unknown; weight?: number };
  readonly decision: string;
  readonly weight: number | undefined;
}

/** A tensor that a step leaves behind: by what name, and where its elements are. */
export interface Output extends TensorUse {
  readonly name: string;
}

/** A recorded step. */
export interface Recording {
  readonly calls: readonly Call[];
  readonly operations: readonly Operation[];
  readonly inspections: readonly Inspection[];
  /** The weight of the loss. */
  readonly weight: WeightRule;
  /** States, predictions, loss and gradients, in their order. */
  readonly outputs: readonly Output[];
  /** New values of variables, in the order in which they are assigned. */
  readonly assigned: readonly { readonly variable: tf.Variable; readonly value: Memory }[];
}

/** The inspections of a recorded step, and the weights of losses that follow from them. */
export class StepInspections {
  /** The inspections, in their order. */
  readonly all: Inspection[] = [];
  readonly #refuse: (reason: string) => void;
  readonly #rules = new WeakMap<tf.Tensor, WeightRule>();
  /** Indices of the inspections whose weight a loss has taken. */
  readonly #weighed = new Set<number>();

  /** @param refuse Called with the reason why the step cannot be played back. */
  constructor(refuse: (reason: string) => void) {
    this.#refuse = refuse;
  }

  /** A loss was weighed; `parts` are the losses whose common weight it takes. */
  weighs(loss: tf.Tensor, weight: number | undefined, parts?: readonly tf.Tensor[]): void {
    const rule = parts
      ? { common: parts.map((part) => this.weightOf(part)) }
      : this.#ruleOf(weight);
    this.#rules.set(loss, rule);
  }

  /** A loss inspects elements, then weighs what it returns: each inspection weighs one loss. */
  #ruleOf(weight: number | undefined): WeightRule {
    const found = this.all.flatMap((facts, inspection) =>
      facts.weight === undefined ? [] : [{ inspection, weight: facts.weight }]
    );
    if (found.length === 0) return { constant: weight };
    const { inspection } =
      found.find((facts) => facts.weight === weight && !this.#weighed.has(facts.inspection)) ??
        found[0];
    const isKnown = found.length === 1 || !this.#weighed.has(inspection);
    if (!isKnown || this.all[inspection].weight !== weight) {
      this.#refuse("the loss computes its own weight");
    }
    this.#weighed.add(inspection);
    return { inspection };
  }

  /** The weight of a loss. */
  weightOf(loss: tf.Tensor | undefined): WeightRule {
    return loss && this.#rules.get(loss) || { constant: undefined };
  }
}

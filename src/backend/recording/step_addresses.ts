import type { KernelHeap } from "../kernel_heap.ts";
import type { Address, Argument, Memory } from "./recording.ts";

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

function regionOf(kind: "scratch" | "shared"): Memory & { bytes: number } {
  return { kind, name: kind, shape: [], dtype: "int32", bytes: 0 };
}

/**
 * Writes machine code of x86-64 processors: the few instructions that tiles of products need.
 *
 * Each instruction is a prefix, which for vectors (VEX for 256 bits, EVEX for 512) holds a third
 * operand, its opcode, and a byte with two operands, of which the second may be a place in memory
 * (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2).
 *
 * @module
 */

/** The general registers by number. */
export const REGISTERS = {
  ...{ rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 },
  ...{ r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15 },
} as const;

/** A place in memory: `base + index * scale + offset`. */
export interface Memory {
  base: number;
  index?: number;
  scale?: 1 | 2 | 4 | 8;
  offset?: number;
}

/** An instruction on vectors: its opcode, its map of opcodes, its prefix, and the bit W. */
type VectorOperation = readonly [opcode: number, map: number, prefix: number, wide?: 0 | 1];

/** The instructions on vectors, with the names of the manual. */
export const VECTOR = {
  vmovupsLoad: [0x10, 1, 0],
  vmovupsStore: [0x11, 1, 0],
  vaddps: [0x58, 1, 0],
  vminps: [0x5d, 1, 0],
  vmaxps: [0x5f, 1, 0],
  vpxord: [0xef, 1, 1],
  vbroadcastss: [0x18, 2, 1],
  vfmadd231ps: [0xb8, 2, 1],
  vmaskmovpsLoad: [0x2c, 2, 1],
  vmaskmovpsStore: [0x2e, 2, 1],
  vinsertf64x4: [0x1a, 3, 1, 1],
} as const satisfies Record<string, VectorOperation>;

/** Units of the offsets of short addresses, in bytes, where vectors have 512 bits. */
const UNITS: Partial<Record<keyof typeof VECTOR, number>> = { vbroadcastss: 4, vinsertf64x4: 32 };

/** Machine code that is being written. */
export class MachineCode {
  readonly bytes: number[] = [];

  /** The place of the next instruction. */
  get length(): number {
    return this.bytes.length;
  }

  write(...bytes: number[]): void {
    this.bytes.push(...bytes);
  }

  write32(value: number): void {
    this.write(value & 255, value >> 8 & 255, value >> 16 & 255, value >> 24 & 255);
  }

  /** Sets the distance from the end of a place for 32 bits to a target. */
  #setDistance(place: number, target: number): void {
    const distance = target - (place + 4);
    for (let i = 0; i < 4; i++) this.bytes[place + i] = distance >> (8 * i) & 255;
  }

  push(register: number): void {
    this.write(...register > 7 ? [0x41] : [], 0x50 + (register & 7));
  }

  pop(register: number): void {
    this.write(...register > 7 ? [0x41] : [], 0x58 + (register & 7));
  }

  /** `to = 32 bits of memory`. */
  load32(to: number, from: Memory): void {
    this.#general(0x8b, to, from, 0);
  }

  /** `to = 64 bits of memory`. */
  load64(to: number, from: Memory): void {
    this.#general(0x8b, to, from, 1);
  }

  /** `to += 64 bits of memory`, or of a register. */
  add64(to: number, from: Memory | number): void {
    this.#general(0x03, to, from, 1);
  }

  /** `to = the address of a place`. */
  address(to: number, place: Memory): void {
    this.#general(0x8d, to, place, 1);
  }

  /** `register += number`, -128 to 127. */
  addNumber(register: number, value: number): void {
    this.#general(0x83, 0, register, 1);
    this.write(value & 255);
  }

  /** `register >>= bits`, of 32 bits. */
  shiftRight(register: number, bits: number): void {
    this.#general(0xc1, 5, register, 0);
    this.write(bits);
  }

  /** Compares two registers: the difference is zero if they are equal. */
  compare(first: number, second: number): void {
    this.#general(0x3b, first, second, 1);
  }

  /** Sets a mask of lanes to the lowest 16 bits of one of the first registers (`kmovw`). */
  setMask(mask: number, from: number): void {
    this.write(0xc5, 0xf8, 0x92, 0xc0 | mask << 3 | from);
  }

  /** Clears the upper lanes of vectors, which other code would keep otherwise (`vzeroupper`). */
  zeroUpperLanes(): void {
    this.write(0xc5, 0xf8, 0x77);
  }

  return(): void {
    this.write(0xc3);
  }

  /** `to = the address of a table`, which is written later; returns the place of the distance to it. */
  addressOfTable(to: number): number {
    // lea to, [rip + distance]
    this.write(0x48, 0x8d, 0x05 | to << 3);
    this.write32(0);
    return this.length - 4;
  }

  /** Calls the function of which a table has the distance at an index: both are among the first registers. */
  callOfTable(table: number, index: number): void {
    // movsxd index, dword [table + 4 * index]; add index, table; call index
    this.write(0x48, 0x63, index << 3 | 4, 0x80 | index << 3 | table);
    this.add64(index, table);
    this.write(0xff, 0xd0 | index);
  }

  /** Writes a table of functions, and the functions behind it. */
  writeTable(place: number, functions: (() => void)[]): void {
    const table = this.length;
    this.#setDistance(place, table);
    for (const _ of functions) this.write32(0);
    for (const [i, write] of functions.entries()) {
      // The distance counts from the table.
      const entry = table + 4 * i;
      this.#setDistance(entry, this.length + entry + 4 - table);
      write();
    }
  }

  /** An instruction on general registers and memory. */
  #general(opcode: number, register: number, operand: Memory | number, wide: 0 | 1): void {
    const { base, index } = parts(operand);
    const prefix = 0x40 | wide << 3 | (register >> 3) << 2 | (index >> 3) << 1 | base >> 3;
    this.write(prefix, opcode);
    this.#operands(register, operand, 1);
  }

  /** Jumps back to a place while the last result was not zero. */
  jumpIfNotZero(to: number): void {
    this.write(0x0f, 0x85);
    this.write32(to - (this.length + 4));
  }

  /**
   * Writes instructions that run only where a bit of a byte in memory is set.
   *
   * @param bits The bits, at least one of which is to be set.
   */
  ifSet(place: Memory, bits: number, write: () => void): void {
    this.#general(0xf6, 0, place, 0);
    this.write(bits, 0x0f, 0x84);
    const at = this.length;
    this.write32(0);
    write();
    this.#setDistance(at, this.length);
  }

  /**
   * An instruction on vectors.
   *
   * @param bits Width of the vectors.
   * @param to Number of the vector that is written, or stored.
   * @param first First source; 0 without one.
   * @param second Last operand: a vector or a place in memory.
   * @param mask Number of a mask of lanes; 0 for all.
   */
  vector(
    name: keyof typeof VECTOR,
    bits: 256 | 512,
    to: number,
    first: number,
    second: Memory | number,
    mask = 0,
  ): void {
    const [opcode, map, prefix, wide = 0]: VectorOperation = VECTOR[name];
    const isVector = typeof second === "number";
    const { base, index } = parts(second);
    const third = isVector ? second >> 4 : index >> 3;
    // All registers' highest bits are written inverted.
    const high = (~to >> 3 & 1) << 7 | (~third & 1) << 6 | (~base >> 3 & 1) << 5;
    const source = (~first & 15) << 3;
    if (bits === 256) {
      this.write(0xc4, high | map, wide << 7 | source | 1 << 2 | prefix, opcode);
    } else {
      this.write(0x62, high | (~to >> 4 & 1) << 4 | map, wide << 7 | source | 1 << 2 | prefix);
      this.write(2 << 5 | (~first >> 4 & 1) << 3 | mask, opcode);
    }
    this.#operands(to, second, bits === 512 ? UNITS[name] ?? 64 : 1);
  }

  /** The byte of two operands, and the rest of an address, whose short offsets count in units. */
  #operands(register: number, operand: Memory | number, unit: number): void {
    const low = (register & 7) << 3;
    if (typeof operand === "number") return this.write(0xc0 | low | operand & 7);
    const { base, index, scale = 1, offset = 0 } = operand;
    const short = offset / unit;
    const isShort = Number.isInteger(short) && short >= -128 && short < 128;
    // Without an offset, rbp and r13 would mean something else.
    const mode = offset === 0 && (base & 7) !== 5 ? 0 : isShort ? 1 : 2;
    if (index === undefined && (base & 7) !== 4) this.write(mode << 6 | low | base & 7);
    else {
      const byte = Math.log2(scale) << 6 | ((index ?? 4) & 7) << 3 | base & 7;
      this.write(mode << 6 | low | 4, byte);
    }
    if (mode === 1) this.write(short & 255);
    if (mode === 2) this.write32(offset);
  }
}

/** The registers of an operand: those that are missing are 0. */
function parts(operand: Memory | number): { base: number; index: number } {
  if (typeof operand === "number") return { base: operand, index: 0 };
  return { base: operand.base, index: operand.index ?? 0 };
}

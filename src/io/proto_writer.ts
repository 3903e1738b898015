const ENCODER = new TextEncoder();

/**
 * Writes a message of Protocol Buffers, field by field, as far as event files need the format.
 *
 * The format: <https://protobuf.dev/programming-guides/encoding/>.
 */
export class ProtoWriter {
  readonly #bytes: number[] = [];

  /** Adds a `double`. */
  double(field: number, value: number): this {
    return this.#tag(field, 1).#fixed((view) => view.setFloat64(0, value, true), 8);
  }

  /** Adds a `float`. */
  float(field: number, value: number): this {
    return this.#tag(field, 5).#fixed((view) => view.setFloat32(0, value, true), 4);
  }

  /** Adds an `int64` or an `enum`, a safe integer >= 0. */
  integer(field: number, value: number): this {
    return this.#tag(field, 0).#varint(value);
  }

  /** Adds a `string`. */
  string(field: number, value: string): this {
    return this.bytes(field, ENCODER.encode(value));
  }

  /** Adds a message. */
  message(field: number, value: ProtoWriter): this {
    return this.bytes(field, value.finish());
  }

  /** Adds a packed `repeated double`. */
  doubles(field: number, values: readonly number[]): this {
    return this.bytes(field, new Uint8Array(Float64Array.from(values).buffer));
  }

  /** Adds `bytes`, or any other field that is written with its length. */
  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, 2).#varint(value.length);
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  /** Returns the bytes of the message. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #tag(field: number, type: number): this {
    return this.#varint(field * 8 + type);
  }

  #varint(value: number): this {
    for (; value >= 128; value = Math.floor(value / 128)) this.#bytes.push(value % 128 + 128);
    this.#bytes.push(value);
    return this;
  }

  #fixed(write: (view: DataView) => void, size: number): this {
    const view = new DataView(new ArrayBuffer(size));
    write(view);
    this.#bytes.push(...new Uint8Array(view.buffer));
    return this;
  }
}

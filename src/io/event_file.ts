/**
 * Event files of TensorBoard: records of messages with checksums.
 *
 * The messages: <https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>.
 *
 * @module
 */
import type { Histogram } from "../tensors/tensor_stats.ts";
import { ProtoWriter } from "./proto_writer.ts";

/** A value to show: a number, a histogram, or text in Markdown. */
export type SummaryValue =
  | { tag: string; scalar: number }
  | { tag: string; histogram: Histogram; mean: number; deviation: number }
  | { tag: string; text: string };

/** Returns the first record of every event file. */
export function versionRecord(wallTime: number): Uint8Array {
  return record(new ProtoWriter().double(1, wallTime).string(3, "brain.Event:2"));
}

/**
 * Returns a record of the values of one step.
 *
 * @param wallTime Time in seconds since 1970.
 * @param step Index of the step, an integer >= 0.
 * @param values The values.
 */
export function summaryRecord(
  wallTime: number,
  step: number,
  values: readonly SummaryValue[],
): Uint8Array {
  const summary = new ProtoWriter();
  for (const value of values) summary.message(1, valueMessage(value));
  return record(new ProtoWriter().double(1, wallTime).integer(2, step).message(5, summary));
}

function valueMessage(value: SummaryValue): ProtoWriter {
  const message = new ProtoWriter().string(1, value.tag);
  if ("scalar" in value) return message.float(2, value.scalar);
  if ("histogram" in value) return message.message(5, histogramMessage(value));
  const plugin = new ProtoWriter().string(1, "text");
  const shape = new ProtoWriter().message(2, new ProtoWriter().integer(1, 1));
  const DT_STRING = 7;
  const tensor = new ProtoWriter().integer(1, DT_STRING).message(2, shape).string(8, value.text);
  return message.message(8, tensor).message(9, new ProtoWriter().message(1, plugin));
}

function histogramMessage(
  { histogram: { min, max, counts }, mean, deviation }: Extract<
    SummaryValue,
    { histogram: Histogram }
  >,
): ProtoWriter {
  const size = counts.reduce((a, b) => a + b, 0);
  const width = (max - min) / counts.length;
  const limits = counts.map((_, bin) => bin === counts.length - 1 ? max : min + (bin + 1) * width);
  return new ProtoWriter().double(1, min).double(2, max).double(3, size).double(4, mean * size)
    .double(5, (deviation ** 2 + mean ** 2) * size).doubles(6, limits).doubles(7, counts);
}

/** Frames a message: length, its checksum, message, its checksum; little-endian. */
function record(message: ProtoWriter): Uint8Array {
  const bytes = message.finish();
  const framed = new Uint8Array(bytes.length + 16);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, masked(crc32c(framed.subarray(0, 8))), true);
  framed.set(bytes, 12);
  view.setUint32(12 + bytes.length, masked(crc32c(bytes)), true);
  return framed;
}

/** Masks a checksum, so that checksums of data with checksums in it stay meaningful. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Remainders of every byte by the reflected polynomial of Castagnoli. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  }
  return remainder;
});

/**
 * Returns the checksum CRC-32C of Castagnoli, an unsigned integer of 32 bits.
 *
 * RFC 3720, appendix B.4, <https://www.rfc-editor.org/rfc/rfc3720>.
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The format of an image file, and its size in pixels. */
export interface ImageHeader {
  /** The format. */
  readonly format: "png" | "jpeg" | "webp";
  /** Width and height; `undefined` if the header is cut short. */
  readonly size?: readonly [width: number, height: number];
}

/**
 * Reads format and size off the header of an image file, before anything is unpacked.
 *
 * PNG: https://www.w3.org/TR/png-3, JPEG: ITU-T T.81, WebP: RFC 9649.
 *
 * @param bytes The file.
 * @returns The header; `undefined` for any other format.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number, length: number) =>
    String.fromCharCode(...bytes.subarray(at, at + length));
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") {
    const isWhole = bytes.length >= 24;
    return { format: "png", ...isWhole && { size: [view.getUint32(16), view.getUint32(20)] } };
  }
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return { format: "jpeg", size: jpegSize(view) };
  if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") {
    return { format: "webp", size: webpSize(view, text(12, 4)) };
  }
}

/** The size is in the first frame header: a marker C0 to CF, but for C4, C8 and CC. */
function jpegSize(view: DataView): [number, number] | undefined {
  for (let at = 2; at + 9 <= view.byteLength; at += 2 + view.getUint16(at + 2)) {
    if (view.getUint8(at) !== 0xff) return;
    const marker = view.getUint8(at + 1);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    }
  }
}

function webpSize(view: DataView, chunk: string): [number, number] | undefined {
  if (view.byteLength < 30) return;
  const uint24 = (at: number) => view.getUint16(at, true) + 0x10000 * view.getUint8(at + 2);
  if (chunk === "VP8X") return [uint24(24) + 1, uint24(27) + 1];
  if (chunk === "VP8L") {
    const bits = view.getUint32(21, true);
    return [(bits & 0x3fff) + 1, (bits >>> 14 & 0x3fff) + 1];
  }
  return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}

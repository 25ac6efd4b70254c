/**
 * Encodes small pictures with a palette as PNG data URLs: a heat map of 3072 cells has 5 KB, as SVG rectangles 260 KB.
 *
 * The data is stored uncompressed, which needs no library. http://www.w3.org/TR/png/
 */

export interface IndexedPicture {
  readonly width: number;
  readonly height: number;
  /** Row-major indices into the palette. */
  readonly pixels: Uint8Array;
  /** At most 256 colours: red, green, blue, opacity, 0 to 255 each. */
  readonly palette: readonly (readonly [number, number, number, number])[];
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const indexedColour = 3;
const largestStoredBlock = 0xffff;

export function pngDataUrl({ width, height, pixels, palette }: IndexedPicture): string {
  const header = [...uint32(width), ...uint32(height), 8, indexedColour, 0, 0, 0];
  const bytes = Uint8Array.from([
    ...signature,
    ...chunk("IHDR", header),
    ...chunk(
      "PLTE",
      palette.flatMap((colour) => colour.slice(0, 3)),
    ),
    ...chunk(
      "tRNS",
      palette.map(([, , , opacity]) => opacity),
    ),
    ...chunk("IDAT", zlibStored(scanlines(pixels, width, height))),
    ...chunk("IEND", []),
  ]);
  return `data:image/png;base64,${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
}

/** Each row starts with its filter, 0 for none. */
function scanlines(pixels: Uint8Array, width: number, height: number): Uint8Array {
  const lines = new Uint8Array((width + 1) * height);
  for (let row = 0; row < height; row++) {
    lines.set(pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  }
  return lines;
}

function zlibStored(data: Uint8Array): number[] {
  const blocks: number[] = [];
  for (let start = 0; start === 0 || start < data.length; start += largestStoredBlock) {
    const block = data.subarray(start, start + largestStoredBlock);
    const last = start + largestStoredBlock >= data.length ? 1 : 0;
    blocks.push(last, ...littleEndian16(block.length), ...littleEndian16(~block.length & 0xffff), ...block);
  }
  return [0x78, 0x01, ...blocks, ...uint32(adler32(data))];
}

function chunk(type: string, data: readonly number[]): number[] {
  const body = [...Array.from(type, (letter) => letter.charCodeAt(0)), ...data];
  return [...uint32(data.length), ...body, ...uint32(crc32(body))];
}

function crc32(bytes: readonly number[]): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return ((high << 16) | low) >>> 0;
}

const uint32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

const littleEndian16 = (value: number): number[] => [value & 255, value >>> 8];

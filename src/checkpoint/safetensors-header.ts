/**
 * The header of a safetensors file: 8 bytes of length (little-endian), JSON, then the tensors' bytes to the file's end.
 *
 * Input is untrusted. Must stay true: every number in the header is checked before it is used, no allocation is larger
 * than the file, and the tensors cover the data exactly: no overlap, no hole, nothing after the end.
 */
import { isRecord } from "../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../errors.ts";
import { describe, grouped } from "./describe.ts";
import type { ByteSource } from "./files.ts";
import { decodeUtf8, type JsonObject, parseJsonObject } from "./json.ts";

export interface StoredTensor {
  /** As in the format: `F32`, `BF16`, `BOOL`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Byte offset in the file. */
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bits per element of every dtype of the format. */
const BITS: ReadonlyMap<string, number> = new Map([
  ...["F4"].map((dtype) => [dtype, 4] as const),
  ...["F6_E2M3", "F6_E3M2"].map((dtype) => [dtype, 6] as const),
  ...["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"].map(
    (dtype) => [dtype, 8] as const,
  ),
  ...["U16", "I16", "F16", "BF16"].map((dtype) => [dtype, 16] as const),
  ...["U32", "I32", "F32"].map((dtype) => [dtype, 32] as const),
  ...["U64", "I64", "F64", "C64"].map((dtype) => [dtype, 64] as const),
]);

const LENGTH_BYTES = 8;
/** The format allows 100 MB; each file of the largest models, with a trillion parameters, has less than 1 MB. */
const MAX_HEADER_BYTES = 10_000_000;
/** The largest BERT has 391 tensors, the largest models some tens of thousands over all files. */
const MAX_TENSORS = 50_000;

/**
 * Reads and checks the header.
 * @param fileName for errors.
 * @throws CheckpointError that names the tensor and field.
 */
export async function readHeader(source: ByteSource, fileName: string): Promise<SafetensorsHeader> {
  const length = await headerLength(source, fileName);
  const dataStart = LENGTH_BYTES + length;
  const what = `The header of ${fileName}`;
  const text = decodeUtf8(await source.read(LENGTH_BYTES, dataStart), what);
  const { __metadata__: metadata, ...entries } = parseJsonObject(text, what);
  const tensors = new Map<string, StoredTensor>();
  const count = Object.keys(entries).length;
  if (count > MAX_TENSORS) {
    const found = `${fileName} has ${grouped(count)} tensors`;
    throw new CheckpointError({ found, expected: `at most ${grouped(MAX_TENSORS)}`, advice: CHECK_FILE_KIND });
  }
  for (const [name, entry] of Object.entries(entries)) {
    tensors.set(name, parseEntry(entry, `${fileName}: tensor ${describe(name)}`, dataStart, source.size));
  }
  checkCoverage(tensors, dataStart, source.size, fileName);
  return { tensors, metadata: parseMetadata(metadata, fileName) };
}

async function headerLength(source: ByteSource, fileName: string): Promise<number> {
  if (source.size < LENGTH_BYTES) {
    const found = `${fileName} has ${source.size} bytes`;
    throw new CheckpointError({ found, expected: "a safetensors file, which has at least 10", advice: GET_AGAIN });
  }
  const bytes = await source.read(0, LENGTH_BYTES);
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  const maxLength = Math.min(source.size - LENGTH_BYTES, MAX_HEADER_BYTES);
  if (length >= 2n && length <= BigInt(maxLength)) return Number(length);
  throw new CheckpointError({
    found: `${fileName} has ${grouped(source.size)} bytes and says that its header has ${length.toLocaleString("en-US")}`,
    expected: `a header of 2 to ${grouped(maxLength)} bytes`,
    advice: `Check that it is a safetensors file, not a web page or a Git LFS pointer (git lfs pull). ${GET_AGAIN}`,
  });
}

function parseMetadata(metadata: unknown, fileName: string): ReadonlyMap<string, string> {
  if (metadata === undefined) return new Map();
  const entries = isRecord(metadata) ? Object.entries(metadata) : undefined;
  const wrong = entries?.find(([, value]) => typeof value !== "string");
  if (entries !== undefined && wrong === undefined) return new Map(entries.map(([key, value]) => [key, String(value)]));
  throw new CheckpointError({
    found: `${fileName}: __metadata__ ${wrong ? `has ${describe(wrong[1])} at ${describe(wrong[0])}` : `is ${describe(metadata)}`}`,
    expected: "an object of strings",
    advice: GET_AGAIN,
  });
}

/** @param what the file and the tensor, for errors. */
function parseEntry(entry: unknown, what: string, dataStart: number, fileSize: number): StoredTensor {
  if (!isRecord(entry)) throw wrong(what, "", entry, "an object with dtype, shape and data_offsets");
  const dtype = parseDtype(entry, what);
  const { shape, bytes } = parseShape(entry, dtype, what);
  const [start, end] = parseOffsets(entry, what, fileSize - dataStart);
  if (end - start !== bytes) {
    throw new CheckpointError({
      found: `${what} has ${grouped(end - start)} bytes of data`,
      expected: `${grouped(bytes)} for ${dtype.name} of shape ${describe(shape)}`,
      advice: GET_AGAIN,
    });
  }
  return { dtype: dtype.name, shape, start: dataStart + start, end: dataStart + end };
}

interface Dtype {
  readonly name: string;
  readonly bits: number;
}

function parseDtype({ dtype }: JsonObject, what: string): Dtype {
  const bits = typeof dtype === "string" ? BITS.get(dtype) : undefined;
  if (typeof dtype === "string" && bits !== undefined) return { name: dtype, bits };
  throw wrong(what, "dtype", dtype, `one of ${[...BITS.keys()].join(", ")}`);
}

function parseShape({ shape }: JsonObject, dtype: Dtype, what: string): { shape: readonly number[]; bytes: number } {
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw wrong(what, "shape", shape, "a list of whole numbers of at least 0");
  }
  let bits = dtype.bits;
  for (const extent of shape) {
    bits *= extent;
    if (!Number.isSafeInteger(bits)) throw wrong(what, "shape", shape, "fewer elements than a file can hold");
  }
  if (bits % 8 !== 0) throw wrong(what, "shape", shape, `whole bytes, with ${dtype.bits} bits per element`);
  return { shape, bytes: bits / 8 };
}

function parseOffsets({ data_offsets: offsets }: JsonObject, what: string, dataSize: number): [number, number] {
  if (Array.isArray(offsets) && offsets.length === 2) {
    const [start, end]: unknown[] = offsets;
    if (isCount(start) && isCount(end) && start <= end && end <= dataSize) return [start, end];
  }
  throw wrong(what, "data_offsets", offsets, `[start, end] inside the ${grouped(dataSize)} bytes of data`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function wrong(what: string, field: string, value: unknown, expected: string): CheckpointError {
  const subject = field === "" ? what : `${what}: ${field}`;
  const found = value === undefined ? `${subject} is missing` : `${subject} is ${describe(value)}`;
  return new CheckpointError({ found, expected, advice: GET_AGAIN });
}

/** Checks that the tensors' data is contiguous from the header's end to the file's end. */
function checkCoverage(
  tensors: ReadonlyMap<string, StoredTensor>,
  dataStart: number,
  fileSize: number,
  fileName: string,
): void {
  let end = dataStart;
  let last = "the header";
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (tensor.start < end) {
      const expected = "every byte in one tensor";
      const found = `${fileName}: tensor ${describe(name)} overlaps with ${last}`;
      throw new CheckpointError({ found, expected, advice: GET_AGAIN });
    }
    if (tensor.start > end) throw hole(fileName, tensor.start - end, `between ${last} and tensor ${describe(name)}`);
    end = tensor.end;
    last = `tensor ${describe(name)}`;
  }
  if (end < fileSize) throw hole(fileName, fileSize - end, `after ${last}`);
}

function hole(fileName: string, bytes: number, where: string): CheckpointError {
  return new CheckpointError({
    found: `${fileName} has ${grouped(bytes)} bytes ${where} that belong to no tensor`,
    expected: "data without holes that ends where the file ends",
    advice: GET_AGAIN,
  });
}

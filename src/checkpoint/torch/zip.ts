/**
 * The directory of a zip archive, as PyTorch writes it: entries that are stored, not packed, and a directory that ends
 * where the file ends.
 *
 * Input is untrusted. Must stay true: every entry lies inside the file before the directory; no two overlap; every name
 * occurs once. So an archive never unpacks to more than its own size.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe, grouped } from "../describe.ts";
import type { ByteSource } from "../files.ts";
import { decodeUtf8 } from "../json.ts";
import { type DirectoryEntry, entriesOf, MAX_ENTRIES } from "./zip-directory.ts";

export const LOCAL_SIGNATURE = 0x04034b50;
const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCAL_BYTES = 30;
const MAX_DIRECTORY_BYTES = 20_000_000;
/** Headers read concurrently. */
const AT_ONCE = 256;

/** A file inside of the archive: bytes [start, end) of the archive. */
export interface ZipEntry {
  readonly start: number;
  readonly end: number;
}

interface Directory {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/**
 * Reads and checks the directory.
 * @param what the file, for errors.
 * @returns entries by name.
 * @throws CheckpointError if the archive is damaged, packed, encrypted or otherwise not as PyTorch writes it.
 */
export async function readZip(source: ByteSource, what: string): Promise<ReadonlyMap<string, ZipEntry>> {
  const directory = await findDirectory(source, what);
  const bytes = await source.read(directory.start, directory.end);
  const listed = entriesOf(bytes, directory.count, what);
  const placed: ZipEntry[] = [];
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    const batch = listed.slice(at, at + AT_ONCE);
    placed.push(...(await Promise.all(batch.map((entry) => place(source, entry, directory.start, what)))));
  }
  checkDisjoint(listed, placed, what);
  const entries = new Map<string, ZipEntry>();
  for (const [index, { name }] of listed.entries()) {
    if (entries.has(name)) throw damaged(what, `has ${describe(name)} twice`, "each name once");
    entries.set(name, placed[index] as ZipEntry);
  }
  return entries;
}

async function findDirectory(source: ByteSource, what: string): Promise<Directory> {
  const tailStart = Math.max(0, source.size - END_BYTES - LOCATOR_BYTES - END64_BYTES);
  const bytes = await source.read(tailStart, source.size);
  const tail = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = tail.byteLength - END_BYTES;
  if (end < 0 || tail.getUint32(end, true) !== END_SIGNATURE) {
    throw damaged(what, "does not end as a zip archive", "the end of an archive's directory, without a comment");
  }
  const classic = [tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const [count, length, start, endAt] = locate64(tail, tailStart, what) ?? [...classic, tailStart + end];
  const large = [0xffff, 0xffff_ffff, 0xffff_ffff];
  const agrees = [count, length, start].every((value, at) => value === classic[at] || classic[at] === large[at]);
  const isOneDisk = tail.getUint16(end + 4, true) === 0 && tail.getUint16(end + 6, true) === 0;
  if (count === undefined || length === undefined || start === undefined || !agrees || !isOneDisk) {
    throw damaged(what, "has two ends that contradict each other, or is a part of an archive", "one archive");
  }
  if (start + length !== endAt) {
    const found = `says that its directory is at bytes ${grouped(start)} to ${grouped(start + length)}`;
    throw damaged(what, found, `one that ends at byte ${grouped(endAt ?? 0)}`);
  }
  if (count > MAX_ENTRIES || length > MAX_DIRECTORY_BYTES) {
    const found = `says that its directory has ${grouped(count)} entries in ${grouped(length)} bytes`;
    throw damaged(what, found, `at most ${grouped(MAX_ENTRIES)} in ${grouped(MAX_DIRECTORY_BYTES)}`);
  }
  return { start, end: endAt as number, count };
}

/** Count, length, start and end of the directory, if the archive has the fields of 64 bits for them. */
function locate64(tail: DataView, tailStart: number, what: string): number[] | undefined {
  const locator = tail.byteLength - END_BYTES - LOCATOR_BYTES;
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR_SIGNATURE) return undefined;
  const end = locator - END64_BYTES;
  const field = (at: number): number => Number(tail.getBigUint64(at, true));
  if (end < 0 || tail.getUint32(end, true) !== END64_SIGNATURE || field(locator + 8) !== tailStart + end) {
    throw damaged(what, "has no 64-bit end where it says", "the end of an archive's directory");
  }
  return [field(end + 32), field(end + 40), field(end + 48), tailStart + end];
}

/** Finds an entry's bytes, behind its own header. */
async function place(source: ByteSource, entry: DirectoryEntry, limit: number, what: string): Promise<ZipEntry> {
  const { name, nameBytes, header, size } = entry;
  const nameStart = header + LOCAL_BYTES;
  const nameEnd = nameStart + nameBytes;
  if (nameEnd <= limit) {
    const bytes = await source.read(header, nameEnd);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const start = nameEnd + view.getUint16(28, true);
    const isHeader = view.getUint32(0, true) === LOCAL_SIGNATURE && view.getUint16(26, true) === nameBytes;
    if (isHeader && decodeUtf8(bytes.subarray(LOCAL_BYTES), what) === name) {
      if (start + size <= limit) return { start, end: start + size };
      throw damaged(what, `says that ${describe(name)} has ${grouped(size)} bytes`, "no more than the file has");
    }
  }
  throw damaged(what, `has no ${describe(name)} at byte ${grouped(header)}`, "the file that its directory names there");
}

function checkDisjoint(listed: readonly DirectoryEntry[], placed: readonly ZipEntry[], what: string): void {
  const ranges = listed.map(({ name, header }, index) => ({ name, header, end: placed[index]?.end ?? header }));
  ranges.sort((a, b) => a.header - b.header);
  for (const [index, { name, header }] of ranges.entries()) {
    const before = ranges[index - 1];
    if (before === undefined || before.end <= header) continue;
    throw damaged(what, `has ${describe(name)} inside of ${describe(before.name)}`, "files that do not overlap");
  }
}

function damaged(what: string, how: string, expected: string): CheckpointError {
  return new CheckpointError({ found: `${what} ${how}`, expected, advice: `It may be cut short. ${GET_AGAIN}` });
}

/**
 * Parses the entries of a zip archive's directory.
 *
 * Must stay true: entries are stored, neither packed nor encrypted, so that a file's size in the archive is its size.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe } from "../describe.ts";
import { decodeUtf8 } from "../json.ts";

const SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const EXTRA64 = 0x0001;
const IN_EXTRA = 0xffff_ffff;
const ENCRYPTED = 1;
/** One file for each storage, and some more. */
export const MAX_ENTRIES = 100_000;

export interface DirectoryEntry {
  readonly name: string;
  /** Bytes of its name in UTF-8. */
  readonly nameBytes: number;
  /** Where its own header begins. */
  readonly header: number;
  readonly size: number;
}

/**
 * @param bytes the directory.
 * @param count how many entries it has.
 * @param what the file, for errors.
 * @throws CheckpointError if it is damaged, or an entry is packed or encrypted.
 */
export function entriesOf(bytes: Uint8Array, count: number, what: string): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const { entry, end } = parseEntry(bytes, at, what);
    entries.push(entry);
    at = end;
  }
  if (at !== bytes.length) throw damaged(what, `has ${bytes.length - at} bytes after its directory's last entry`);
  return entries;
}

function parseEntry(bytes: Uint8Array, at: number, what: string): { entry: DirectoryEntry; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  if (view.byteLength < ENTRY_BYTES || view.getUint32(0, true) !== SIGNATURE) {
    throw damaged(what, "has an entry in its directory that is none");
  }
  const nameBytes = view.getUint16(28, true);
  const extraStart = ENTRY_BYTES + nameBytes;
  const commentStart = extraStart + view.getUint16(30, true);
  const end = commentStart + view.getUint16(32, true);
  if (end > view.byteLength) throw damaged(what, "has an entry in its directory that is cut short");
  const name = decodeUtf8(bytes.subarray(at + ENTRY_BYTES, at + extraStart), `A file's name in ${what}`);
  checkStored(view, name, what);
  const extra = new DataView(view.buffer, view.byteOffset + extraStart, commentStart - extraStart);
  const [size, packed, header] = sizesOf(view, extra, `${what}: ${describe(name)}`);
  if (size !== packed) throw damaged(what, `says that ${describe(name)} has ${packed} bytes, and unpacked ${size}`);
  return { entry: { name, nameBytes, header, size }, end: at + end };
}

function checkStored(view: DataView, name: string, what: string): void {
  const isPacked = view.getUint16(10, true) !== 0;
  const isEncrypted = (view.getUint16(8, true) & ENCRYPTED) !== 0;
  if (!isPacked && !isEncrypted) return;
  throw new CheckpointError({
    found: `${what}: ${describe(name)} is ${isPacked ? "compressed" : "encrypted"}`,
    expected: "files stored as they are, as torch.save does",
    advice: "Load it in Python and save it again, or get it again from where the model came from.",
  });
}

/** Size, packed size and header's place; those that do not fit 32 bits are in the extra field, in this order. */
function sizesOf(view: DataView, extra: DataView, what: string): [number, number, number] {
  const fields64 = findExtra(extra, what);
  let at = 0;
  const field = (offset: number): number => {
    const short = view.getUint32(offset, true);
    if (short !== IN_EXTRA) return short;
    if (fields64 === undefined || at + 8 > fields64.byteLength) throw damaged(what, "has no 64-bit size");
    const long = Number(fields64.getBigUint64(at, true));
    at += 8;
    if (!Number.isSafeInteger(long)) throw damaged(what, "has a size beyond 2^53");
    return long;
  };
  const size = field(24);
  const packed = field(20);
  return [size, packed, field(42)];
}

function findExtra(extra: DataView, what: string): DataView | undefined {
  let at = 0;
  while (at + 4 <= extra.byteLength) {
    const length = extra.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) throw damaged(what, "has an extra field that is cut short");
    if (extra.getUint16(at, true) === EXTRA64) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
    at += 4 + length;
  }
  return undefined;
}

function damaged(what: string, how: string): CheckpointError {
  return new CheckpointError({ found: `${what} ${how}`, expected: "a zip archive of PyTorch's", advice: GET_AGAIN });
}

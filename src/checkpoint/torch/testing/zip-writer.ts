/** For tests: writes zip archives with PyTorch's layout: files at multiples of 64 bytes, sizes behind them, and the 64-bit end. */

/** Lengths of the fields by kind: u16, u32, u64. */
type Field = readonly [value: number, bytes: 2 | 4 | 8];

export interface ZipChanges {
  /** Overrides of a directory entry's fields, by file. */
  readonly entry?: (name: string, fields: DirectoryFields) => Partial<DirectoryFields>;
  /** Without the fields of 64 bits, as other writers do. */
  readonly isClassic?: boolean;
}

export interface DirectoryFields {
  readonly flags: number;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly header: number;
  readonly name: string;
}

/** @param files by their path in the archive. */
export function encodeZip(files: readonly (readonly [string, Uint8Array])[], changes: ZipChanges = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const add = (list: Uint8Array[], part: Uint8Array): void => {
    list.push(part);
    if (list === parts) at += part.length;
  };
  for (const [name, data] of files) {
    const path = new TextEncoder().encode(name);
    const padding = (64 - ((at + 30 + path.length + 4) % 64)) % 64;
    const crc = crc32(data);
    const fields = { flags: 0x0808, method: 0, packed: data.length, size: data.length, header: at, name };
    const entry = { ...fields, ...changes.entry?.(name, fields) };
    add(parts, fieldsOf([0x04034b50, 4], [0, 2], [0x0808, 2], [0, 2], [0, 4], [0, 4], [0, 4], [0, 4]));
    add(parts, fieldsOf([path.length, 2], [4 + padding, 2]));
    add(parts, path);
    add(parts, fieldsOf([0x4246, 2], [padding, 2]));
    add(parts, new Uint8Array(padding).fill(0x5a));
    add(parts, data);
    add(parts, fieldsOf([0x08074b50, 4], [crc, 4], [data.length, 4], [data.length, 4]));
    const listed = new TextEncoder().encode(entry.name);
    add(directory, fieldsOf([0x02014b50, 4], [0, 2], [0, 2], [entry.flags, 2], [entry.method, 2], [0, 4], [crc, 4]));
    add(directory, fieldsOf([entry.packed, 4], [entry.size, 4], [listed.length, 2], [0, 2], [0, 2], [0, 2], [0, 2]));
    add(directory, fieldsOf([0, 4], [entry.header, 4]));
    add(directory, listed);
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end64 = at + length;
  const counts: Field[] = [
    [files.length, 8],
    [files.length, 8],
    [length, 8],
    [at, 8],
  ];
  const end = [
    fieldsOf([0x06064b50, 4], [44, 8], [0x031e, 2], [0x2d, 2], [0, 4], [0, 4], ...counts),
    fieldsOf([0x07064b50, 4], [0, 4], [end64, 8], [1, 4]),
  ];
  const last = fieldsOf([0x06054b50, 4], [0, 4], [files.length, 2], [files.length, 2], [length, 4], [at, 4], [0, 2]);
  return concatenated([...parts, ...directory, ...(changes.isClassic ? [] : end), last]);
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function fieldsOf(...fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [, length]) => sum + length, 0));
  let at = 0;
  for (const [value, length] of fields) {
    const field = new DataView(bytes.buffer, at);
    if (length === 2) field.setUint16(0, value, true);
    else if (length === 4) field.setUint32(0, value, true);
    else field.setBigUint64(0, BigInt(value), true);
    at += length;
  }
  return bytes;
}

export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Pickles that Python reads and this machine must, and those that it must not, by hand and as Python writes them. */
import { expect, test } from "vitest";
import { CheckpointError } from "../../errors.ts";
import { TorchMeaning } from "./meaning.ts";
import { readPickle } from "./pickle.ts";
import { MAX_PICKLE_BYTES, PickleBytes } from "./pickle-bytes.ts";
import { PickleWriter } from "./testing/pickle-writer.ts";
import { PickleDict, PickleList, type PickleValue } from "./values.ts";

const read = (bytes: Uint8Array): PickleValue => readPickle(new PickleBytes(bytes, "m.bin"), new TorchMeaning("m.bin"));

function refusal(bytes: Uint8Array): string {
  try {
    read(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return String(error);
  }
  return "no error";
}

const bytesOf = (latin1: string): Uint8Array => Uint8Array.from(Buffer.from(latin1, "latin1"));
const pickle = (operations: string): Uint8Array => bytesOf(`\x80\x02${operations}.`);
const fromPython = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));

/** As an array or a record, to compare; the pickle must not contain itself. */
function plain(value: PickleValue | undefined): unknown {
  if (value instanceof PickleList) return value.items.map(plain);
  if (value instanceof PickleDict) return Object.fromEntries([...value.entries()].map(([key, of]) => [key, plain(of)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

// {'a': [1, 2.5, None, True, -1, 300, 70000, 2**40, -2**70, 'x'*30], 't': (1, 2), 'o': OrderedDict(x=1)}
const DATA = {
  a: [1, 2.5, null, true, -1, 300, 70_000, 2 ** 40, -(2n ** 70n), "x".repeat(30)],
  t: [1, 2],
  o: { x: 1 },
};
test.each([
  [
    2,
    "gAJ9cQAoWAEAAABhcQFdcQIoSwFHQAQAAAAAAABOiEr/////TSwBSnARAQCKBgAAAAAAAYoJAAAAAAAAAADAWB4AAAB4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHhxA2VYAQAAAHRxBEsBSwKGcQVYAQAAAG9xBmNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxBylScQhYAQAAAHhxCUsBc3Uu",
  ],
  [
    3,
    "gAN9cQAoWAEAAABhcQFdcQIoSwFHQAQAAAAAAABOiEr/////TSwBSnARAQCKBgAAAAAAAYoJAAAAAAAAAADAWB4AAAB4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHhxA2VYAQAAAHRxBEsBSwKGcQVYAQAAAG9xBmNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxBylScQhYAQAAAHhxCUsBc3Uu",
  ],
  [
    4,
    "gASVkQAAAAAAAAB9lCiMAWGUXZQoSwFHQAQAAAAAAABOiEr/////TSwBSnARAQCKBgAAAAAAAYoJAAAAAAAAAADAjB54eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHiUZYwBdJRLAUsChpSMAW+UjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0lJOUKVKUjAF4lEsBc3Uu",
  ],
  [
    5,
    "gAWVkQAAAAAAAAB9lCiMAWGUXZQoSwFHQAQAAAAAAABOiEr/////TSwBSnARAQCKBgAAAAAAAYoJAAAAAAAAAADAjB54eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHiUZYwBdJRLAUsChpSMAW+UjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0lJOUKVKUjAF4lEsBc3Uu",
  ],
])("reads what Python writes under protocol %i", (_, base64) => {
  expect(plain(read(fromPython(base64)))).toEqual(DATA);
});

test("reads what Python 2 writes: byte strings, and an OrderedDict of pairs", () => {
  const ordered = "ccollections\nOrderedDict\n](](U\x01aK\x01e](U\x01bK\x02ee\x85R";
  expect(plain(read(pickle(ordered)))).toEqual({ a: 1, b: 2 });
  expect(plain(read(pickle("ccollections\nOrderedDict\n](U\x01aK\x01\x86e\x85R")))).toBeDefined();
});

test("stands behind the pickle after reading it", () => {
  const bytes = new PickleBytes(bytesOf("\x80\x02K\x01.\x80\x02K\x02.rest"), "m.bin");
  const meaning = new TorchMeaning("m.bin");
  expect([readPickle(bytes, meaning), readPickle(bytes, meaning), bytes.position]).toEqual([1, 2, 10]);
});

// class Evil: __reduce__ = lambda self: (os.system, ("id",)), in a dict
test.each([
  [
    "os.system, protocol 2",
    fromPython("gAJ9cQBYAQAAAGFxAWNwb3NpeApzeXN0ZW0KcQJYAgAAAGlkcQOFcQRScQVzLg=="),
    'asks for "posix.system"; expected a plain dict of tensors',
  ],
  [
    "os.system, protocol 4",
    fromPython("gASVJAAAAAAAAAB9lIwBYZSMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKUcy4="),
    'asks for "posix.system"',
  ],
  [
    "os.system, protocol 5",
    fromPython("gAWVJAAAAAAAAAB9lIwBYZSMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKUcy4="),
    'asks for "posix.system"',
  ],
  [
    "os.system, protocol 0",
    fromPython("KGRwMApWYQpwMQpjcG9zaXgKc3lzdGVtCnAyCihWaWQKcDMKdHA0ClJwNQpzLg=="),
    "has the pickle operation 0x64 at byte 1",
  ],
  ["eval, protocol 2", fromPython("gAJjX19idWlsdGluX18KZXZhbApxAC4="), 'asks for "__builtin__.eval"'],
  ["eval, protocol 4", fromPython("gASVFQAAAAAAAACMCGJ1aWx0aW5zlIwEZXZhbJSTlC4="), 'asks for "builtins.eval"'],
  ["an object of any class", fromPython("gAJjX19tYWluX18KQ2wKcQApgXEBLg=="), 'asks for "__main__.Cl"'],
  ["a global that is only named", pickle("cos\nsystem\n0N"), 'asks for "os.system"'],
  ["a global whose dots are elsewhere", pickle("ctorch\n_utils._rebuild_tensor\n"), '"torch._utils._rebuild_tensor"'],
  ["a module's own loader", pickle("ctorch.storage\n_load_from_bytes\n"), '"torch.storage._load_from_bytes"'],
  ["a global with a control character", pickle("co\x1b[2Js\nsystem\n"), 'asks for "o\\u001b[2Js.system"'],
  ["a global by a number", pickle("K\x01K\x02\x93"), "names a global by 1 and 2"],
  [
    "a global of a million characters",
    pickle(`c${"x".repeat(1_000_000)}\nx\n`),
    "a global of more than 200 characters",
  ],
  ["NEWOBJ", pickle("ccollections\nOrderedDict\n)\x81"), "pickle operation NEWOBJ at byte 28"],
  ["INST", pickle("(ios\nsystem\n"), "pickle operation INST"],
  ["OBJ", pickle("(ccollections\nOrderedDict\no"), "pickle operation OBJ"],
  ["EXT1", pickle("\x82\x01"), "pickle operation EXT1"],
  ["a call of a text", pickle("X\x04\x00\x00\x00eval)R"), 'calls "eval" with []'],
  ["a call of a storage class", pickle("ctorch\nFloatStorage\n)R"), "calls torch.FloatStorage"],
  ["a call without a tuple", pickle("ccollections\nOrderedDict\nK\x01R"), "calls collections.OrderedDict with 1"],
  ["an object outside of it", pickle("K\x01Q"), "stores nothing outside of its pickle"],
  ["a module outside of it", pickle("(X\x06\x00\x00\x00modulecos\nsystem\ntQ"), 'asks for "os.system"'],
  ["the state of a tuple", pickle(")}b"), "sets the state of [] to a dict"],
  ["the state of a dict as a tuple", pickle("})b"), "sets the state of a dict to []"],
])("%s is refused", (_, bytes, message) => {
  expect(refusal(bytes)).toContain(message);
});

test.each([
  ["an unknown operation", pickle("\xff"), "has the pickle operation 0xff at byte 2"],
  ["protocol 1", bytesOf("\x80\x01N."), "has a pickle of protocol 1; expected protocol 2, 3, 4, 5"],
  ["protocol 6", bytesOf("\x80\x06N."), "has a pickle of protocol 6"],
  ["nothing", bytesOf(""), "ends in the middle of its pickle"],
  ["no result", pickle(""), "takes a value where there is none"],
  ["two results", pickle("NN"), "leaves values over"],
  ["a mark left", pickle("(N"), "leaves values over"],
  ["a mark that is missing", pickle("Nt"), "a mark that it did not set"],
  ["a value below a mark", pickle("N(q\x01"), "takes a value where there is none"],
  ["a memo that is missing", pickle("h\x05"), "uses memo 5, which it did not set"],
  ["a memo far away", pickle("j\xff\xff\xff\xff"), "uses memo 4294967295"],
  ["a text of 4 GB", pickle("X\xff\xff\xff\xffabc"), "ends in the middle of its pickle"],
  ["a number that is cut", bytesOf("\x80\x02\x8a\xffabc"), "ends in the middle of its pickle"],
  ["a text that is not UTF-8", pickle("X\x01\x00\x00\x00\xff"), "A text in m.bin is not UTF-8"],
  ["appending to a tuple", pickle(")Na"), "appends to []; expected a list"],
  ["an item of a list", pickle("]NNs"), "sets items of a list; expected a dict"],
  ["a key without a value", pickle("}(Nu"), "sets a key without a value"],
  ["a list as a key", pickle("}]Ns"), "has a list as a key of a dict"],
  ["a key twice", pickle("}(X\x01\x00\x00\x00aNX\x01\x00\x00\x00aNu"), 'has the key "a" twice in a dict'],
])("%s is refused", (_, bytes, message) => {
  expect(refusal(bytes)).toContain(message);
});

test("a list that contains itself is read, and described without recursion", () => {
  const list = read(pickle("]q\x00h\x00a")) as PickleList;
  expect(list.items[0] === list).toBe(true);
  expect(refusal(pickle("]q\x00h\x00aQ"))).toContain("stores nothing outside");
  expect(refusal(pickle("(X\x07\x00\x00\x00storage]q\x00h\x00atQ"))).toContain('stores "storage" outside');
});

test("lists in lists, a hundred thousand deep, are read without recursion", () => {
  // Compared as booleans: Vitest walks the values it is given.
  expect(read(pickle("]".repeat(100_000) + "a".repeat(99_999))) instanceof PickleList).toBe(true);
  expect(refusal(pickle(`${"]".repeat(100_000)}${"a".repeat(99_999)}Q`))).toContain("stores nothing");
  expect(Array.isArray(read(pickle(`N${"\x85".repeat(100_000)}`)))).toBe(true);
});

test("a memo bomb stays what it is: ten names for one another, not 2^30 values", () => {
  const bomb = new PickleWriter().text("lol");
  for (let level = 0; level < 30; level++) bomb.raw(0x68, level, 0x86, 0x71, level + 1);
  let value = read(bomb.finish());
  for (let level = 0; level < 30; level++) value = (value as readonly PickleValue[])[level % 2] ?? null;
  expect(value).toBe("lol");
});

test("operations are counted, and bytes", () => {
  expect(refusal(pickle("(".repeat(1_000_001)))).toContain("a pickle of more than 1,000,000 operations");
  const long = new PickleBytes(new Uint8Array(MAX_PICKLE_BYTES).fill(0x4e), "m.bin", true);
  expect(() => readPickle(long, new TorchMeaning("m.bin"))).toThrow("1,000,000 operations");
  const text = new PickleBytes(bytesOf("\x80\x02X\x00\x00\x00\x70abc"), "m.bin", true);
  expect(() => readPickle(text, new TorchMeaning("m.bin"))).toThrow("a pickle of more than 10,000,000 bytes");
});

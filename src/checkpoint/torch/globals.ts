/**
 * The names that a PyTorch checkpoint may mention, and what they stand for. Everything else is refused by its name.
 *
 * Must stay true: a name is looked up as a text in a closed list; nothing is imported, and nothing is called.
 */
import { CheckpointError } from "../../errors.ts";
import { describe } from "../describe.ts";
import { PickleGlobal, type StorageType } from "./values.ts";

/** The classes of storages, all in the module `torch`. */
const STORAGES: readonly (readonly [name: string, dtype: string, width: StorageType["width"]])[] = [
  ["DoubleStorage", "F64", 8],
  ["FloatStorage", "F32", 4],
  ["HalfStorage", "F16", 2],
  ["BFloat16Storage", "BF16", 2],
  ["LongStorage", "I64", 8],
  ["IntStorage", "I32", 4],
  ["ShortStorage", "I16", 2],
  ["CharStorage", "I8", 1],
  ["ByteStorage", "U8", 1],
  ["BoolStorage", "BOOL", 1],
];

const KNOWN: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    new PickleGlobal("collections.OrderedDict", "ordered dict"),
    new PickleGlobal("torch._utils._rebuild_tensor", "tensor"),
    new PickleGlobal("torch._utils._rebuild_tensor_v2", "tensor"),
    new PickleGlobal("torch._utils._rebuild_parameter", "parameter"),
    ...STORAGES.map(([name, dtype, width]) => new PickleGlobal(`torch.${name}`, { dtype, width })),
  ].map((known) => [known.name, known]),
);

/**
 * Looks up a global.
 * @param what the file, for errors.
 * @throws CheckpointError with its name unless it is in the list.
 */
export function findGlobal(module: string, name: string, what: string): PickleGlobal {
  const known = KNOWN.get(`${module}.${name}`);
  // Both halves count: "torch._utils" and "_rebuild_tensor" are not "torch" and "_utils._rebuild_tensor".
  if (known !== undefined && !name.includes(".")) return known;
  const isQuantised = module === "torch" && /^QU?Int\d+\w*Storage$/.test(name);
  throw new CheckpointError({
    found: `${what} asks for ${describe(`${module}.${name}`)}`,
    expected: "a plain dict of tensors, as torch.save(model.state_dict(), …) writes it",
    advice: isQuantised
      ? "Quantised checkpoints cannot be read: use one in float32 or float16."
      : "Nothing was run. In Python, a pickle that names a function runs it: get the model as safetensors, or its plain weights, from someone you trust.",
  });
}

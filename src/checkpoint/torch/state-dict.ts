/**
 * The tensors of a checkpoint's object: a dict of names and tensors, or a dict that has one under "state_dict", as
 * training frameworks save it.
 *
 * Must stay true: nothing is dropped silently; a dict with anything but tensors is refused.
 */
import { CheckpointError } from "../../errors.ts";
import { describe, grouped } from "../describe.ts";
import { describeValue, PickleDict, type PickleValue, TorchTensor } from "./values.ts";

const NESTED = "state_dict";
const MAX_NAMED = 6;

/**
 * @param what the file, for errors.
 * @throws CheckpointError if the object is something else.
 */
export function tensorsOf(root: PickleValue, what: string): ReadonlyMap<string, TorchTensor> {
  if (!(root instanceof PickleDict)) throw notAStateDict(`${what} holds ${describeValue(root)}`);
  const nested = root.get(NESTED);
  if (nested instanceof PickleDict) return namedTensors(nested, `${what}, ${describe(NESTED)},`);
  return namedTensors(root, what);
}

function namedTensors(dict: PickleDict, what: string): ReadonlyMap<string, TorchTensor> {
  const tensors = new Map<string, TorchTensor>();
  const others: string[] = [];
  for (const [name, value] of dict.entries()) {
    if (typeof name === "string" && value instanceof TorchTensor) tensors.set(name, value);
    else others.push(`${describe(name)} (${describeValue(value)})`);
  }
  if (others.length === 0) return tensors;
  const shown = others.slice(0, MAX_NAMED).join(", ");
  const rest = others.length > MAX_NAMED ? ` and ${grouped(others.length - MAX_NAMED)} more` : "";
  throw notAStateDict(`${what} holds ${shown}${rest}`);
}

function notAStateDict(found: string): CheckpointError {
  return new CheckpointError({
    found,
    expected: `a dict of tensors, or one under ${describe(NESTED)}`,
    advice: "Save only the weights: torch.save(model.state_dict(), 'pytorch_model.bin').",
  });
}

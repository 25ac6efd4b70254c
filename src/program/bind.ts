/**
 * Binding a program's symbolic extents to the tensors it is run on.
 *
 * Must stay true: every engine finds the same faults in the same inputs, with the same words.
 */
import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Extent, Shape, SymbolicExtent, Value } from "./program.ts";

/** The extents of the symbols, by name. */
export type Binding = ReadonlyMap<SymbolicExtent, number>;

/** The program's inputs among its values. */
export function inputsOf(order: readonly Value[]): Map<string, Value> {
  const inputs = new Map<string, Value>();
  for (const value of order) if (value.operation.kind === "input") inputs.set(value.operation.name, value);
  return inputs;
}

/**
 * Matches the tensors given with the inputs wanted.
 * @throws EngineError for a missing input or a shape that contradicts the program or another input.
 */
export function bindInputs(wanted: ReadonlyMap<string, Value>, given: ReadonlyMap<string, Tensor>): Binding {
  const binding = new Map<SymbolicExtent, number>();
  for (const [name, value] of wanted) {
    const tensor = given.get(name);
    if (tensor === undefined) {
      throw new EngineError({
        found: `the input ${name} is missing`,
        expected: `a tensor of shape [${value.shape.join(", ")}]`,
      });
    }
    const fits =
      tensor.shape.length === value.shape.length &&
      value.shape.every((extent, axis) => bindExtent(binding, extent, tensor.shape[axis] as number));
    if (!fits) {
      const bound = [...binding].map(([symbol, extent]) => `${symbol} = ${extent}`).join(", ");
      throw new EngineError({
        found: `the input ${name} has shape [${tensor.shape.join(", ")}]`,
        expected: `[${value.shape.join(", ")}]${bound === "" ? "" : ` with ${bound}`}`,
      });
    }
  }
  return binding;
}

function bindExtent(binding: Map<SymbolicExtent, number>, extent: Extent, actual: number): boolean {
  if (typeof extent === "number") return extent === actual;
  const bound = binding.get(extent);
  if (bound === undefined) binding.set(extent, actual);
  return bound === undefined || bound === actual;
}

/** A shape with its symbols replaced by their extents. */
export function bindShape(shape: Shape, binding: Binding): number[] {
  return shape.map((extent) => {
    const bound = typeof extent === "number" ? extent : binding.get(extent);
    if (bound === undefined) throw new RangeError(`the extent ${extent} is not bound by any input`);
    return bound;
  });
}

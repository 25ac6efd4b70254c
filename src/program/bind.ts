/**
 * Binds a program's symbolic extents to the shapes of its inputs.
 *
 * Must stay true: every engine reports the same errors for the same inputs.
 */
import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Extent, Shape, SymbolicExtent, Value } from "./program.ts";

export type Binding = ReadonlyMap<SymbolicExtent, number>;

/** The inputs among a program's values, by name. */
export function inputsOf(order: readonly Value[]): Map<string, Value> {
  const inputs = new Map<string, Value>();
  for (const value of order) if (value.operation.kind === "input") inputs.set(value.operation.name, value);
  return inputs;
}

/**
 * Binds the extents of the program's inputs to those of the tensors.
 * @throws EngineError for a missing input or a shape that contradicts the program or another input.
 */
export function bindInputs(inputs: ReadonlyMap<string, Value>, tensors: ReadonlyMap<string, Tensor>): Binding {
  const binding = new Map<SymbolicExtent, number>();
  for (const [name, value] of inputs) {
    const tensor = tensors.get(name);
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

/** Replaces a shape's symbols by their extents. */
export function bindShape(shape: Shape, binding: Binding): number[] {
  return shape.map((extent) => {
    const bound = typeof extent === "number" ? extent : binding.get(extent);
    if (bound === undefined) throw new RangeError(`the extent ${extent} is not bound by any input`);
    return bound;
  });
}

/** Transposes, reshapes and slices of tensors on the host, by strides where possible. */
import { type Binding, bindShape } from "../../program/bind.ts";
import type { Operation, Value } from "../../program/program.ts";
import { viewedBy } from "../../program/views.ts";
import { contiguous, type Elements, type Strided, toContiguous } from "./strided.ts";

export type ViewOperation = Extract<Operation, { kind: "transpose" | "reshape" | "slice" }>;

/** Applies one view operation. */
export function applyView<T extends Elements>(
  operation: ViewOperation,
  view: Strided<T>,
  shape: readonly number[],
): Strided<T> {
  switch (operation.kind) {
    case "transpose":
      return { ...view, shape, strides: operation.permutation.map((axis) => view.strides[axis] as number) };
    case "reshape":
      return contiguous(toContiguous(view), shape);
    case "slice": {
      const skipped = operation.start * (view.strides[operation.axis] as number);
      return { ...view, shape, offset: view.offset + skipped };
    }
  }
}

/** Applies all nested view operations of `value` to the underlying tensor. */
export function applyViews<T extends Elements>(value: Value, tensor: Strided<T>, binding: Binding): Strided<T> {
  const operations: { readonly operation: ViewOperation; readonly value: Value }[] = [];
  for (let view = value, operand = viewedBy(view); operand !== undefined; view = operand, operand = viewedBy(view)) {
    operations.unshift({ operation: view.operation as ViewOperation, value: view });
  }
  return operations.reduce((view, { operation, value: seen }) => {
    return applyView(operation, view, bindShape(seen.shape, binding));
  }, tensor);
}

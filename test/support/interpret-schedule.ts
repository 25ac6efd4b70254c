/**
 * A schedule computed kernel by kernel in float64, which proves that storing less changed nothing.
 *
 * Must stay true: a kernel sees inputs, parameters and what kernels before it stored, nothing else.
 */
import { interpret } from "../../src/engines/reference/interpret.ts";
import { contiguous, type Strided, toContiguous } from "../../src/engines/reference/strided.ts";
import { applyViews } from "../../src/engines/reference/views.ts";
import { bindInputs, inputsOf } from "../../src/program/bind.ts";
import { computeOrder } from "../../src/program/order.ts";
import type { Value } from "../../src/program/program.ts";
import { constantValues, viewedTensor } from "../../src/program/views.ts";
import { interiorOf, type Kernel, readsOf, type Schedule, storedBy } from "../../src/schedule/schedule.ts";
import { toFloat64 } from "../../src/tensor/half.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** @throws Error that says how a schedule is not valid. */
export function checkSchedule({ program, kernels }: Schedule): void {
  const stored = storedBy(kernels);
  const constants = constantValues(program);
  const done = new Set<Value>();
  kernels.forEach((kernel, index) => {
    const fail = (what: string): never => {
      throw new Error(`kernel ${index} (${kernel.template.kind}) ${what}`);
    };
    if (kernel.stores.length === 0) fail("stores nothing");
    for (const value of readsOf(kernel, stored)) if (!done.has(value)) fail("reads what is not stored yet");
    for (const value of kernel.stores) {
      if (done.has(value)) fail(`stores a ${value.operation.kind} again`);
      if (constants.has(value) || viewedTensor(value) !== value) fail(`stores a constant or a view`);
      done.add(value);
    }
    const wanted = matmulsOf(kernel);
    const computed = interiorOf(kernel, stored).filter((v) => v.operation.kind === "matmul" && !constants.has(v));
    if (computed.length !== wanted.size || computed.some((value) => !wanted.has(value))) {
      fail(`computes ${computed.length} matmuls, not the ${wanted.size} of its template`);
    }
  });
  for (const [name, value] of program.outputs) {
    const tensor = viewedTensor(value);
    if (!done.has(tensor) && tensor.operation.kind !== "input") throw new Error(`the output ${name} is not stored`);
  }
}

function matmulsOf({ template }: Kernel): Set<Value> {
  if (template.kind === "matmul") return new Set([template.matmul]);
  return template.kind === "attention"
    ? new Set([template.attention.products, template.attention.context])
    : new Set<Value>();
}

/** The outputs of a schedule, which is checked first. */
export async function interpretSchedule(
  schedule: Schedule,
  parameters: ReadonlyMap<string, Tensor>,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<Map<string, Tensor<"f64">>> {
  checkSchedule(schedule);
  const { program, kernels } = schedule;
  const memory = new Map<Value, Strided>();
  for (const { stores } of kernels) {
    const outputs = new Map(stores.map((value, index) => [String(index), value]));
    const results = await interpret({ outputs }, parameters, inputs, { reuse: new Map(memory) });
    stores.forEach((value, index) => {
      const { data, shape } = results.get(String(index)) as Tensor<"f64">;
      memory.set(value, contiguous(data, shape));
    });
  }
  const wanted = inputsOf(computeOrder(program));
  const binding = bindInputs(wanted, inputs);
  for (const [name, value] of wanted) {
    const tensor = inputs.get(name) as Tensor;
    memory.set(value, contiguous(toFloat64(tensor), tensor.shape));
  }
  return new Map(
    [...program.outputs].map(([name, value]) => {
      const view = applyViews(value, memory.get(viewedTensor(value)) as Strided, binding);
      return [name, { dtype: "f64", shape: view.shape, data: toContiguous(view) }];
    }),
  );
}

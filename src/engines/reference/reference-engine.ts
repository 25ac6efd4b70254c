/** The reference engine: the float64 interpreter behind the common interface of engines (`--device reference`). */
import { computeOrder } from "../../program/order.ts";
import type { Program } from "../../program/program.ts";
import { toFloat64 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Engine, Executable, ReadParameter, RunOptions } from "../engine.ts";
import { interpret } from "./interpret.ts";

export class ReferenceEngine implements Engine {
  readonly name = "reference";

  async compile(program: Program, readParameter: ReadParameter, { signal }: RunOptions = {}): Promise<Executable> {
    const parameters = new Map<string, Tensor<"f64">>();
    for (const { operation } of computeOrder(program)) {
      if (operation.kind !== "parameter" || parameters.has(operation.name)) continue;
      signal?.throwIfAborted();
      const tensor = await readParameter(operation.name);
      parameters.set(operation.name, { dtype: "f64", shape: tensor.shape, data: toFloat64(tensor) });
    }
    return {
      description: "interpreter, f64",
      run: (inputs, options) => interpret(program, parameters, inputs, options),
      dispose: async () => parameters.clear(),
    };
  }
}

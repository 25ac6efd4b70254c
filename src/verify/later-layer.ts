/**
 * Whether a dump whose output nothing explains is of a later layer than the one that it is named after.
 *
 * Must stay true: at most a few layers are computed, and only where the diagnosis has failed.
 */
import { layerProgram, type ModelConfig, stageName } from "../architectures/index.ts";
import { selectOutputs } from "../program/program.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";
import { realRows } from "./compare/positions.ts";
import { inputTensors, type LayerInputs } from "./layer/layer-inputs.ts";
import { compute, readParameters, relativeError } from "./layer/layer-under-test.ts";
import { required } from "./layer/required.ts";

/** Each costs as much as the layer itself. */
const maxLayers = 3;
/** More than rounding in any precision; the outputs of two layers differ by tens of per cent. */
const sameError = 0.05;

interface Model {
  readonly config: ModelConfig;
  readonly read: (name: string) => Promise<Tensor<FloatDType>>;
}

/**
 * @param after the output of the original's layer, on the dump's input.
 * @param found the dumped output.
 * @returns the later layer whose output it is, or undefined.
 */
export async function laterLayer(
  { config, read }: Model,
  { layer, after, found }: { readonly layer: number; readonly after: Tensor; readonly found: Tensor },
  { attentionMask }: Pick<LayerInputs, "attentionMask">,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const [batch = 0, sequence = 0] = attentionMask.shape;
  const isReal = realRows(attentionMask.data, batch, sequence)(found.shape);
  let hiddenStates = after;
  for (let next = layer + 1; next < Math.min(config.layers, layer + 1 + maxLayers); next++) {
    const output = stageName(next, "output");
    const program = selectOutputs(layerProgram(config, next), [output]);
    const parameters = await readParameters(program, read);
    const computed = await compute(program, parameters, inputTensors({ hiddenStates, attentionMask }), { signal });
    hiddenStates = required(computed.get(output));
    if (relativeError(hiddenStates, found, isReal) < sameError) return next;
  }
  return undefined;
}

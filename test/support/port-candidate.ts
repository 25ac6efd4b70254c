/**
 * What somebody might dump who ported layer 0 of the built-in model as Souffle's demo does: its output in float16, computed
 * on what `fusebert verify --write-inputs` writes.
 */
import { encodeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { chooseText, layerInputs } from "../../src/cli/verify-inputs.ts";
import { encodeF16, toFloat64 } from "../../src/tensor/half.ts";
import { imitation } from "../../src/verify/candidate.ts";
import { inputTensors } from "../../src/verify/layer-inputs.ts";
import { layerProgram } from "../../src/verify/layer-program.ts";
import { readParameters } from "../../src/verify/subject.ts";
import { openBuiltIn, required } from "./golden.ts";

export async function portCandidate(): Promise<Uint8Array> {
  const checkpoint = await openBuiltIn();
  try {
    const { config, weights } = checkpoint;
    const text = await chooseText({}, new AbortController().signal);
    const inputs = await layerInputs(checkpoint, 0, text, undefined, 0);
    const program = layerProgram(config, 0);
    const stages = await imitation(config, "souffle", "f16").compute({
      program,
      layer: 0,
      parameters: await readParameters(program, (name) => weights.read(name)),
      inputs: inputTensors(inputs),
    });
    const output = required(stages.get("layer.0.output"));
    const data = Uint16Array.from(toFloat64(output), encodeF16);
    return encodeSafetensors(new Map([["layer.0.output", { dtype: "f16", shape: output.shape, data }]]));
  } finally {
    await checkpoint.close();
  }
}

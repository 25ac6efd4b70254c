/**
 * What a kernel dumps with dump.py of `fusebert verify --write-inputs`: the query of layer 0 of the built-in model, which is the
 * script's example, and the layer's output.
 */

import { layerProgram } from "../../src/architectures/index.ts";
import { encodeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { chooseText, layerInputs } from "../../src/cli/verify/inputs.ts";
import { selectOutputs } from "../../src/program/program.ts";
import { toFloat32 } from "../../src/tensor/half.ts";
import { inputTensors } from "../../src/verify/layer/layer-inputs.ts";
import { compute, readParameters } from "../../src/verify/layer/layer-under-test.ts";
import { openBuiltIn } from "./golden.ts";

export interface PortInputs {
  /** Absent: the built-in passage. */
  readonly text?: string;
  /** As `--sequence-length`. */
  readonly sequenceLength?: number;
}

export async function portCandidate({ text, sequenceLength }: PortInputs = {}): Promise<Uint8Array> {
  const checkpoint = await openBuiltIn();
  try {
    const { config, weights } = checkpoint;
    const chosen = await chooseText(text === undefined ? {} : { text }, new AbortController().signal);
    const inputs = await layerInputs(checkpoint, 0, chosen, sequenceLength, 0);
    const program = selectOutputs(layerProgram(config, 0), ["layer.0.query", "layer.0.output"]);
    const parameters = await readParameters(program, (name) => weights.read(name));
    const stages = await compute(program, parameters, inputTensors(inputs));
    return encodeSafetensors(
      new Map(
        [...stages].map(([name, tensor]) => [name, { dtype: "f32", shape: tensor.shape, data: toFloat32(tensor) }]),
      ),
    );
  } finally {
    await checkpoint.close();
  }
}

/**
 * The Python script written with the exported inputs: it runs a user's kernel on them and dumps its stages.
 *
 * Must stay true: unchanged, it runs with numpy and safetensors alone, and what it dumps is right, so that a user only replaces
 * its one line of arithmetic.
 */

import { layerParameters, type ModelConfig, placeOfParameter } from "../../architectures/index.ts";

export interface DumpScriptOptions {
  readonly config: ModelConfig;
  readonly layer: number;
  readonly modelName: string;
}

export const candidateFile = "candidate.safetensors";

/** The command that verifies the script's dump. */
export function verifyCommand({ layer }: Pick<DumpScriptOptions, "layer">): string {
  const choice = layer === 0 ? "" : ` --layer ${layer}`;
  return `fusebert verify --candidate ${candidateFile} --inputs inputs.safetensors${choice}`;
}

/** A stage in numpy: the query where a dense layer computes it, else the LayerNorm that comes first. */
function example({ config, layer }: Pick<DumpScriptOptions, "config" | "layer">): string {
  const weights = [...layerParameters(config, layer).keys()].filter((name) => name.endsWith(".weight"));
  const moduleOf = (stage: string): string | undefined =>
    weights.find((name) => placeOfParameter(name).stage === stage)?.replace(/\.weight$/, "");
  const query = moduleOf("query");
  if (query !== undefined) {
    return `name = "${query}"
stages = {"query": hidden_states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]}`;
  }
  const norm = moduleOf("attention_norm");
  if (norm === undefined) return 'stages = {"attention_norm": hidden_states}';
  return `name = "${norm}"
centered = hidden_states - hidden_states.mean(-1, keepdims=True)
deviation = ((centered**2).mean(-1, keepdims=True) + ${config.layerNormEps}) ** 0.5
stages = {"attention_norm": centered / deviation * weights[f"{name}.weight"] + weights.get(f"{name}.bias", 0)}`;
}

export function dumpScript(options: DumpScriptOptions): string {
  const { layer, modelName } = options;
  // The name goes into a comment, which a line break would end.
  const model = modelName.replace(/[^\x20-\x7e]/g, "?");
  return `# Layer ${layer} of ${model}: run your kernel on the inputs and dump what it computes.
# layer.json explains the names. With PyTorch: from safetensors.torch import load_file, save_file
from safetensors.numpy import load_file, save_file

inputs, weights = load_file("inputs.safetensors"), load_file("weights.safetensors")
hidden_states, attention_mask = inputs["hidden_states"], inputs["attention_mask"]

# Replace this by your kernel. Dump as many of the stages as it writes, in the precision it writes them; without the layer's
# "output" nothing is proven of the layer.
${example(options)}

save_file({f"layer.${layer}.{stage}": array for stage, array in stages.items()}, "${candidateFile}")
print("Now: ${verifyCommand(options)}")
`;
}

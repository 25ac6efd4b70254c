/**
 * The Python that comes with exported inputs: how to run one's own kernel on them and dump what it computes.
 *
 * Must stay true: it runs as it stands, with numpy and safetensors alone, and what it dumps passes; whoever replaces
 * its one line of arithmetic by a kernel has everything around it working already.
 */

export interface DumpScriptOptions {
  readonly layer: number;
  readonly modelName: string;
}

export const candidateFile = "candidate.safetensors";

/** The command that compares what the script wrote. */
export function verifyCommand({ layer }: Pick<DumpScriptOptions, "layer">): string {
  const choice = layer === 0 ? "" : ` --layer ${layer}`;
  return `fusebert verify --candidate ${candidateFile} --inputs inputs.safetensors${choice}`;
}

export function dumpScript(options: DumpScriptOptions): string {
  const { layer, modelName } = options;
  // It becomes a comment, which a line break would end.
  const model = modelName.replace(/[^\x20-\x7e]/g, "?");
  return `# Layer ${layer} of ${model}: run your kernel on the inputs and dump what it computes.
# layer.json explains the names. With PyTorch: from safetensors.torch import load_file, save_file
from safetensors.numpy import load_file, save_file

inputs, weights = load_file("inputs.safetensors"), load_file("weights.safetensors")
hidden_states, attention_mask = inputs["hidden_states"], inputs["attention_mask"]

# Replace this by your kernel. Dump as many of the stages as it writes, in the precision it writes them.
name = "encoder.layer.${layer}.attention.self.query"
stages = {"query": hidden_states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]}

save_file({f"layer.${layer}.{stage}": array for stage, array in stages.items()}, "${candidateFile}")
print("Now: ${verifyCommand(options)}")
`;
}

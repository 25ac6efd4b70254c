/** What the rest of fusebert asks of a configuration, whatever its family. */
import { type JsonObject, parseJsonObject } from "../checkpoint/json.ts";
import { input } from "../program/build.ts";
import { computeOrder } from "../program/order.ts";
import type { Program, Value } from "../program/program.ts";
import type { Architecture, LayerInputs, ModelConfig, StageShape } from "./architecture.ts";
import { architectureOf, loadArchitecture, loadedArchitectures } from "./families.ts";
import { layerInputs, recorder, sequenceInput } from "./layers/model.ts";
import type { ParameterPlace } from "./parts.ts";

export type { ModelConfig } from "./architecture.ts";

export { architectureOf, modelTypeOf, modelTypes } from "./families.ts";

/**
 * Reads `config.json`.
 * @param fileName for errors.
 * @throws CheckpointError for an unknown family, or one that names a field that is malformed or unsupported.
 */
export async function readModelConfig(object: JsonObject, fileName: string): Promise<ModelConfig> {
  const architecture = await loadArchitecture(object, fileName);
  return architecture.readConfig(object, fileName);
}

export const parseModelConfig = async (json: string, fileName = "config.json"): Promise<ModelConfig> =>
  readModelConfig(parseJsonObject(json, fileName), fileName);

/** The whole model; every stage is an output. */
export const questionAnsweringProgram = (config: ModelConfig): Program => architectureOf(config).program(config);

/** Shapes of the parameters by canonical name, in order of computation. */
export function expectedParameters(config: ModelConfig): Map<string, readonly number[]> {
  const parameters = architectureOf(config).parameters(config);
  return new Map([...parameters].map(([name, extents]) => [name, extents.map(({ size }) => size)]));
}

/** The part, stage and layer of a parameter, by its canonical name; of no layer or head, it is the embeddings'. */
export function placeOfParameter(name: string): ParameterPlace {
  const module = name.replace(/\.(?:weight|bias)$/, "");
  for (const { head, beforeHead = [], layerParameter, modules, sharesLayers } of loadedArchitectures()) {
    if (module === head || beforeHead.includes(module)) return { part: "head" };
    const [prefix, digits] = layerParameter.exec(name) ?? [];
    if (prefix === undefined) continue;
    const found = modules.get(module.slice(prefix.length));
    if (found !== undefined) return sharesLayers ? found : { ...found, layer: Number(digits) };
  }
  return { part: "embeddings" };
}

/** The parameters that a layer's program reads, with their shapes, in order of computation. */
export function layerParameters(config: ModelConfig, layer: number): Map<string, readonly number[]> {
  const read = new Set(
    computeOrder(layerProgram(config, layer)).flatMap(({ operation }) =>
      operation.kind === "parameter" ? [operation.name] : [],
    ),
  );
  return new Map([...expectedParameters(config)].filter(([name]) => read.has(name)));
}

/** A layer's stages in order of computation. */
export const layerStagesOf = (config: ModelConfig): readonly string[] => [
  ...architectureOf(config).layerStages(config).keys(),
];

export const stageName = (layer: number, stage: string): string => `layer.${layer}.${stage}`;

/**
 * A layer as engines run it; every stage is an output. Inputs: `hidden_states` [batch, sequence, hidden],
 * `attention_mask` [batch, sequence], and `token_indices` [batch, sequence] where the family knows distances.
 */
export function layerProgram(config: ModelConfig, layer: number): Program {
  return programOf(config, layer, layerInputs(config.hiddenSize));
}

/**
 * The layer as a diagnosis runs it. The positions attended to are a separate input, `key_states` [batch, keys, hidden],
 * and the mask is [batch, keys]: an output row depends on all keys but no other row, so a diagnosis may pass fewer
 * `hidden_states`.
 */
export function layerProgramWithKeys(config: ModelConfig, layer: number): Program {
  return programOf(config, layer, {
    hidden: input("hidden_states", ["batch", "sequence", config.hiddenSize], "real"),
    mask: input("attention_mask", ["batch", "keys"], "integer"),
    keyStates: input("key_states", ["batch", "keys", config.hiddenSize], "real"),
    queryIndices: sequenceInput("token_indices"),
    keyIndices: input("key_indices", ["batch", "keys"], "integer"),
  });
}

function programOf(config: ModelConfig, layer: number, inputs: LayerInputs): Program {
  const stages = new Map<string, Value>();
  architectureOf(config).layer(config, layer, inputs, recorder(stages, layer));
  return { outputs: stages };
}

export interface StageOfLayer {
  readonly layer: number;
  readonly stage: string;
}

/**
 * Parses `layer.N.stage` or a bare stage name; `undefined` for any other name.
 * @param bareLayer the layer of a bare name.
 */
export function parseStageName(config: ModelConfig, name: string, bareLayer: number): StageOfLayer | undefined {
  const [, digits, rest] = /^layer\.(0|[1-9]\d{0,5})\.(.*)$/s.exec(name) ?? [];
  const stage = layerStagesOf(config).find((known) => known === (rest ?? name));
  return stage === undefined ? undefined : { layer: digits === undefined ? bareLayer : Number(digits), stage };
}

export interface DumpExtents {
  readonly batch: number;
  readonly sequence: number;
}

/** The shape of a stage in a dump. */
export function shapeOfStage(stage: string, config: ModelConfig, { batch, sequence }: DumpExtents): readonly number[] {
  const shape: StageShape | undefined = architectureOf(config).layerStages(config).get(stage);
  if (shape === "scores") return [batch, config.heads, sequence, sequence];
  if (shape === "heads") return [batch, config.heads, sequence, config.hiddenSize / config.heads];
  return [batch, sequence, shape ?? config.hiddenSize];
}

/**
 * The canonical name of a stored tensor. Removes the prefixes of PyTorch's wrappers (`module.` of DataParallel,
 * `_orig_mod.` of torch.compile) and one of the family; renames a LayerNorm's `gamma` and `beta`, from TensorFlow, to
 * `weight` and `bias`.
 */
export function canonicalNames({ prefix }: Pick<Architecture, "prefix">): (stored: string) => string {
  return (stored) => {
    const unwrapped = stored.replace(/^(?:module\.|_orig_mod\.)*/, "");
    return (unwrapped.startsWith(prefix) ? unwrapped.slice(prefix.length) : unwrapped)
      .replace(/LayerNorm\.gamma$/, "LayerNorm.weight")
      .replace(/LayerNorm\.beta$/, "LayerNorm.bias");
  };
}

/** Biases may be zero, and embeddings of token types that never occurred in training. */
export const mayBeZero = (name: string): boolean => !name.endsWith(".weight") || name.includes("token_type_embeddings");

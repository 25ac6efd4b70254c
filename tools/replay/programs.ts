/**
 * The programs of which kernels are generated: models of many shapes, each as the commands compute it, and random programs.
 */
import { readFileSync } from "node:fs";
import { bertBase } from "../../src/architectures/bert/bert-base.ts";
import { parseConfig } from "../../src/architectures/bert/config.ts";
import { bertForQuestionAnswering } from "../../src/architectures/bert/program.ts";
import { layerProgram, layerProgramWithKeys, type ModelConfig } from "../../src/architectures/index.ts";
import { observeOthers, type Program, selectOutputs } from "../../src/program/program.ts";
import { assumeUnmasked } from "../../src/rewrites/assume-unmasked.ts";
import { packSequences } from "../../src/rewrites/pack-sequences.ts";
import { deep, even, largeHeads, odd, wide } from "../../test/support/checked-models.ts";
import { builtInFolder, goldenFolder } from "../../test/support/golden.ts";
import { randomProgram } from "../../test/support/random-programs.ts";

export interface NamedProgram {
  readonly name: string;
  readonly program: Program;
}

const read = (folder: string): ModelConfig => parseConfig(readFileSync(`${folder}/config.json`, "utf8"));

const sizes = ({
  hiddenSize,
  heads,
  intermediateSize,
}: Pick<ModelConfig, "hiddenSize" | "heads" | "intermediateSize">) =>
  ({ ...bertBase, hiddenSize, heads, intermediateSize }) satisfies ModelConfig;

/** Models of which every kernel is generated at every level. */
export const models: Readonly<Record<string, ModelConfig>> = {
  "BERT-base": bertBase,
  "BERT-large": sizes({ hiddenSize: 1024, heads: 16, intermediateSize: 4096 }),
  "the built-in model": read(builtInFolder),
  "random-odd": read(`${goldenFolder}/random-odd`),
  "no multiples of four": odd,
  "whole vectors": even,
  "wide feed-forward": wide,
  "long inner dimension": deep,
  "large heads": largeHeads,
  "large, no multiples of four": sizes({ hiddenSize: 770, heads: 10, intermediateSize: 3074 }),
  "a single head of two": { ...odd, vocabSize: 3, hiddenSize: 2, heads: 1, intermediateSize: 3, maxPositions: 5 },
};

const logits = ["start_logits", "end_logits"];

/** Layers after the second are like it: at O3, the first is like no other. */
const twoLayers = (config: ModelConfig): ModelConfig => ({ ...config, layers: Math.min(config.layers, 2) });

/** As in question answering. */
export function answering(config: ModelConfig): NamedProgram {
  return packed("answers", selectOutputs(bertForQuestionAnswering(twoLayers(config)), logits));
}

/** As everything else computes it: observed, of equal lengths, in rows with padding, a layer alone. */
export function otherPrograms(config: ModelConfig): NamedProgram[] {
  const oneLayer = { ...config, layers: 1 };
  const answers = selectOutputs(bertForQuestionAnswering(oneLayer), logits);
  return [
    packed("observed", observeOthers(bertForQuestionAnswering(oneLayer), logits)),
    packed("unmasked", assumeUnmasked(answers)),
    { name: "padded", program: answers },
    packed("layer", layerProgram(oneLayer, 0)),
    packed("layer with keys", layerProgramWithKeys(oneLayer, 0)),
  ];
}

/** As the engine runs it. */
const packed = (name: string, program: Program): NamedProgram => ({ name, program: packSequences(program) ?? program });

const randomPrograms = 40;

export function* random(): Generator<NamedProgram> {
  for (let seed = 1; seed <= randomPrograms; seed++) {
    yield packed(`random program ${seed}`, randomProgram(seed, 5 + (seed % 5)).program);
  }
}

/** Names and shapes of a layer's stages in dumps. */
import type { BertConfig } from "./config.ts";
import { type LayerStage, layerStages } from "./layer-program.ts";

export interface StageOfLayer {
  readonly layer: number;
  readonly stage: LayerStage;
}

/**
 * Parses `layer.N.stage` or a bare stage name; `undefined` for any other name.
 * @param bareLayer the layer of a bare name.
 */
export function parseStageName(name: string, bareLayer: number): StageOfLayer | undefined {
  const [, digits, rest] = /^layer\.(0|[1-9]\d{0,5})\.(.*)$/s.exec(name) ?? [];
  const stage = layerStages.find((known) => known === (rest ?? name));
  return stage === undefined ? undefined : { layer: digits === undefined ? bareLayer : Number(digits), stage };
}

export interface DumpExtents {
  readonly batch: number;
  readonly sequence: number;
}

export function shapeOfStage(
  stage: LayerStage,
  config: BertConfig,
  { batch, sequence }: DumpExtents,
): readonly number[] {
  switch (stage) {
    case "attention_scores":
    case "attention_probs":
      return [batch, config.heads, sequence, sequence];
    case "intermediate":
      return [batch, sequence, config.intermediateSize];
    default:
      return [batch, sequence, config.hiddenSize];
  }
}

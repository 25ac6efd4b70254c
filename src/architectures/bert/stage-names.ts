/**
 * How dumps name a layer's stages, and the shapes these have.
 */
import type { BertConfig } from "./config.ts";
import { type LayerStage, layerStages } from "./layer-program.ts";

/** A stage of one layer. */
export interface StageOfLayer {
  readonly layer: number;
  readonly stage: LayerStage;
}

/**
 * What `layer.N.stage`, or the bare name of a stage, means; `undefined` for any other name.
 * @param bareLayer the layer that a bare name belongs to.
 */
export function parseStageName(name: string, bareLayer: number): StageOfLayer | undefined {
  const [, digits, rest] = /^layer\.(0|[1-9]\d{0,5})\.(.*)$/s.exec(name) ?? [];
  const stage = layerStages.find((known) => known === (rest ?? name));
  return stage === undefined ? undefined : { layer: digits === undefined ? bareLayer : Number(digits), stage };
}

/** What a dump's shapes have in common. */
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

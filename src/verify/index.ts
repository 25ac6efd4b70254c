/**
 * `import { verify, compare, diagnose } from "fusebert/verify"`: verification as a library, with tensors from any source.
 * docs/verification.md has a worked example.
 */
export { type Deviation, deviationsOf } from "../architectures/deviations.ts";
export {
  layerProgram,
  layerStagesOf,
  type ModelConfig,
  type ModelConfig as BertConfig,
  stageName,
} from "../architectures/index.ts";
export {
  type EncoderLayerStage as LayerStage,
  encoderLayerStages as layerStages,
} from "../architectures/layers/encoder-layer.ts";
export type { DataOf, DType, FloatDType, Tensor } from "../tensor/tensor.ts";
export { engineCandidate, imitation, imitationNames, type RunnableCandidate } from "./candidate/candidate.ts";
export { type CompareOptions, compareTensors as compare } from "./compare/compare.ts";
export { compareStage, type StageComparison } from "./compare/compare-stage.ts";
export { type RealPositions, realRows } from "./compare/positions.ts";
export { type DiagnoseOptions, type Diagnosis, diagnose } from "./diagnose/diagnose.ts";
export type { SegmentData as ProblemData } from "./diagnose/segment-fit.ts";
export { fullMask, type LayerInputs } from "./layer/layer-inputs.ts";
export { type LayerUnderTest as Subject, readParameters } from "./layer/layer-under-test.ts";
export { type Precision, precisions } from "./layer/precision.ts";
export type * from "./report/report.ts";
export { reportToJson } from "./report/report-json.ts";
export { defaultBudgetLimit, judge, type Verdict, verdicts } from "./report/verdict.ts";
export { type Candidate, type DumpCandidate, type OriginalModel, type VerifyOptions, verify } from "./verify.ts";

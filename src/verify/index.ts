/**
 * `import { verify, compare, diagnose } from "fusebert/verify"`: verification for programs, with tensors from any source.
 * docs/verification.md has a worked example.
 */
export type { BertConfig } from "../checkpoint/config.ts";
export type { DataOf, DType, FloatDType, Tensor } from "../tensor/tensor.ts";
export { engineCandidate, imitation, imitationNames, type RunnableCandidate } from "./candidate.ts";
export { type CompareOptions, compareTensors as compare } from "./compare.ts";
export { compareStage, type StageComparison } from "./compare-stage.ts";
export { type Deviation, deviationsOf } from "./deviations.ts";
export { type DiagnoseOptions, type Diagnosis, diagnose } from "./diagnose.ts";
export { fullMask, type LayerInputs } from "./layer-inputs.ts";
export { type LayerStage, layerProgram, layerStages, stageName } from "./layer-program.ts";
export { type RealPositions, realRows } from "./positions.ts";
export { type Precision, precisions } from "./precision.ts";
export type { ProblemData } from "./problem.ts";
export type * from "./report.ts";
export { reportToJson } from "./report-json.ts";
export { readParameters, type Subject } from "./subject.ts";
export { defaultBudgetLimit, judge, type Verdict, verdicts } from "./verdict.ts";
export { type Candidate, type DumpCandidate, type OriginalModel, type VerifyOptions, verify } from "./verify.ts";

/**
 * Chooses what `fusebert verify` judges: this machine's engines, an imitated kernel, or a dump.
 */
import { existsSync } from "node:fs";
import type { Checkpoint } from "../../architectures/checkpoint.ts";
import { type ModelConfig, parseStageName } from "../../architectures/index.ts";
import { gpuPrecisions } from "../../engines/webgpu/device/precision.ts";
import { InputError } from "../../errors.ts";
import { createGpuEngine, platform } from "../../platform/node.ts";
import { bestLevel } from "../../schedule/levels.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";
import { engineCandidate, imitation, isImitation, type RunnableCandidate } from "../../verify/candidate/candidate.ts";
import { checkDump } from "../../verify/candidate/check-dump.ts";
import { type Dump, withInputs } from "../../verify/candidate/dump.ts";
import { fullMask, type LayerInputs } from "../../verify/layer/layer-inputs.ts";
import { narrowerPrecision, type Precision } from "../../verify/layer/precision.ts";
import { openDump } from "../../verify/node/open-dump.ts";
import type { Candidate, DumpCandidate } from "../../verify/verify.ts";
import { gpuOptions } from "../gpu-options.ts";
import { warn } from "../output.ts";
import { chooseText, layerInputs, type VerifyInputs } from "./inputs.ts";
import type { VerifyCommandOptions } from "./options.ts";

export interface Chosen {
  readonly layers: readonly number[];
  readonly inputs: LayerInputs;
  readonly embeddings: VerifyInputs["embeddings"] | undefined;
  readonly candidates: readonly Candidate[];
}

export async function chooseCandidates(
  options: VerifyCommandOptions,
  checkpoint: Checkpoint,
  layers: readonly number[],
  signal: AbortSignal,
): Promise<Chosen> {
  const { config } = checkpoint;
  const files = options.candidate.filter((name) => !isImitation(config, name));
  const [file] = files;
  if (file !== undefined) {
    if (options.candidate.length > 1) {
      throw new InputError({ found: `${file} is one of several candidates`, expected: "one dump at a time" });
    }
    return chooseDump(file, options, checkpoint, layers, signal);
  }
  if (options.inputs !== undefined) {
    throw new InputError({ found: "--inputs is given without a dump", expected: "--candidate with a file" });
  }
  const text = await chooseText(options, signal);
  const { seed, sequenceLength } = options;
  const { embeddings, ...inputs } = await layerInputs(checkpoint, layers[0] ?? 0, text, sequenceLength, seed);
  const candidates =
    options.candidate.length > 0
      ? options.candidate.map((name) => imitation(config, name, plainPrecision(options) ?? "f16"))
      : await engines(options);
  return { layers, inputs, embeddings, candidates };
}

async function engines(options: VerifyCommandOptions): Promise<RunnableCandidate[]> {
  const { device, precision, threads } = options;
  if (device === "webgpu") return [await gpuCandidate(options)];
  if (precision !== undefined && precision !== "f32") {
    throw new InputError({
      found: `--precision is ${precision}`,
      expected: "f32, the only precision of the cpu and reference engines",
      advice: "Name a --candidate to judge or imitate another precision, or compute with --device webgpu.",
    });
  }
  const gpu = gpuOptions({ ...options, precision: undefined });
  const devices = device === "auto" ? (["auto", "reference"] as const) : [device];
  const engines = await Promise.all(
    devices.map((name) => platform.createEngine(name, { threads, wasmPaths: undefined, gpu })),
  );
  for (const { warnings = [] } of engines) warnings.forEach(warn);
  return engines.map((engine) => engineCandidate(engine));
}

async function gpuCandidate(options: VerifyCommandOptions): Promise<RunnableCandidate> {
  const { precision } = options;
  if (precision === "bf16") {
    throw new InputError({ found: "--precision is bf16", expected: `one of ${gpuPrecisions.join(", ")} on a GPU` });
  }
  const engine = await createGpuEngine(gpuOptions({ ...options, precision }));
  const { precision: picked } = await engine.probe();
  const level = options.level ?? bestLevel;
  return engineCandidate(engine, {
    name: `webgpu ${picked} ${level}`,
    precision: picked === "f32" ? "f32" : "f16",
  });
}

/** The precision of an imitated kernel or a dump; `auto` and `f16-storage` are settings of GPUs. */
function plainPrecision({ precision }: VerifyCommandOptions): Precision | undefined {
  if (precision === undefined || precision === "auto") return undefined;
  if (precision !== "f16-storage") return precision;
  throw new InputError({ found: "--precision is f16-storage", expected: "f32, f16 or bf16 for a --candidate" });
}

async function chooseDump(
  path: string,
  options: VerifyCommandOptions,
  checkpoint: Checkpoint,
  layers: readonly number[],
  signal: AbortSignal,
): Promise<Chosen> {
  const { config } = checkpoint;
  const first = layers[0] ?? 0;
  refuseUnknownName(path);
  const target = { config, layer: first };
  const outputs = await openDump(path, target);
  const dump = options.inputs === undefined ? outputs : withInputs(outputs, await openDump(options.inputs, target));
  const { batch, sequence } = checkDump(dump, target);
  const inconclusive = whyInconclusive(dump, batch);
  const attentionMask = dump.attentionMask ?? fullMask(batch, sequence);
  const { hiddenStates, embeddings } = await statesFor(dump, options, checkpoint, first, [batch, sequence], signal);
  const candidate: DumpCandidate = {
    kind: "dump",
    name: dump.name,
    ...dumpPrecision(dump, plainPrecision(options)),
    stages: dump.stages,
    hiddenStates,
    ...(inconclusive !== undefined && { inconclusive }),
  };
  const states = hiddenStates ?? emptyStates([batch, sequence, config.hiddenSize]);
  return {
    layers: layers.length === 1 ? layers : layersOf(config, dump, layers),
    inputs: { hiddenStates: states, attentionMask },
    embeddings,
    candidates: [candidate],
  };
}

/** The precision asked for, or the dump's: that of its values, which may be stored in a wider dtype. */
function dumpPrecision(dump: Dump, given: Precision | undefined): Pick<DumpCandidate, "precision" | "note"> {
  const stored = dump.dtype === "f64" ? "f32" : dump.dtype;
  const narrower = given === undefined && stored === "f32" ? narrowerPrecision([...dump.stages.values()]) : undefined;
  if (narrower === undefined) return { precision: given ?? stored };
  return {
    precision: narrower,
    note: `Every value of the dump is a number of ${narrower}, stored as ${dump.dtype}: it is judged as ${narrower}. --precision ${stored} judges it as computed in ${stored}.`,
  };
}

function refuseUnknownName(path: string): void {
  if (existsSync(path)) return;
  throw new InputError({
    found: `${path} is neither a file nor the name of a kernel to imitate`,
    expected: "a .safetensors file, a folder of .npy files, or a name such as souffle, no-bias, relu or no-mask",
    advice: "fusebert verify --help lists more.",
  });
}

/** Without a mask, the padding of several rows is unknown. */
function whyInconclusive(dump: Dump, batch: number): string | undefined {
  if (batch === 1 || dump.attentionMask !== undefined) return undefined;
  return `${dump.name} has ${batch} rows and no attention_mask, so padding cannot be told from real positions; add it, or give --inputs with a file that has it`;
}

/** The layer's input: the dump's hidden states, or those of the text given, which must have the dump's length. */
async function statesFor(
  dump: Dump,
  options: VerifyCommandOptions,
  checkpoint: Checkpoint,
  layer: number,
  [batch, sequence]: readonly [number, number],
  signal: AbortSignal,
): Promise<{ hiddenStates: Tensor | undefined; embeddings: VerifyInputs["embeddings"] | undefined }> {
  const named = options.text !== undefined || options.context !== undefined;
  if (dump.hiddenStates !== undefined || !named) return { hiddenStates: dump.hiddenStates, embeddings: undefined };
  const text = await chooseText(options, signal);
  const { hiddenStates, embeddings } = await layerInputs(checkpoint, layer, text, undefined, options.seed);
  if (batch === 1 && hiddenStates.shape[1] === sequence) return { hiddenStates, embeddings };
  throw new InputError({
    found: `the text has ${hiddenStates.shape[1]} tokens, the dump ${batch} × ${sequence}`,
    expected: "the text that the candidate was run on",
    advice: "Put hidden_states into the dump, or give them with --inputs.",
  });
}

/** A placeholder for a missing input; its values are never read. */
function emptyStates(shape: readonly number[]): Tensor {
  return { dtype: "f32", shape, data: new Float32Array(elementCount(shape)) };
}

/** The layers of which the dump has stages. */
function layersOf(config: ModelConfig, dump: Dump, layers: readonly number[]): number[] {
  const present = new Set([...dump.stages.keys()].map((name) => parseStageName(config, name, 0)?.layer));
  return layers.filter((layer) => present.has(layer));
}

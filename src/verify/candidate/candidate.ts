/**
 * Candidates that can be run again: an engine, or an imitation of a kernel known to be wrong.
 *
 * Must stay true: a candidate receives a program, parameters and inputs, never the expected results.
 */
import { type Deviation, deviationsOf } from "../../architectures/deviations.ts";
import type { ModelConfig } from "../../architectures/index.ts";
import type { Engine } from "../../engines/engine.ts";
import { InputError } from "../../errors.ts";
import { observeOthers, type Program } from "../../program/program.ts";
import { asFloat32 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { compute } from "../layer/layer-under-test.ts";
import type { Precision } from "../layer/precision.ts";
import { required } from "../layer/required.ts";

export interface RunnableCandidate {
  readonly name: string;
  readonly kind: "engine" | "imitation";
  readonly precision: Precision;
  /** Whether it supports `observe`. */
  readonly observes?: boolean;
  /** Computes stages of a layer. */
  compute(task: CandidateTask): Promise<Map<string, Tensor>>;
}

export interface CandidateTask {
  /** Its outputs include every stage that the candidate would store. */
  readonly program: Program;
  /** The outputs to return; absent: all. */
  readonly wanted?: readonly string[];
  /** Also return the other stages that the same kernels write, as they write them. */
  readonly observe?: boolean;
  /** The layer whose parameters the program reads. */
  readonly layer: number;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An engine as a candidate; it gets inputs and parameters as float32.
 * @param name its name in reports; each precision and level of an engine is a candidate of its own.
 * @param precision the precision in which it stores weights and activations.
 */
export function engineCandidate(
  engine: Engine,
  { name = engine.name, precision = "f32" }: { readonly name?: string; readonly precision?: Precision } = {},
): RunnableCandidate {
  return {
    name,
    kind: "engine",
    precision,
    observes: engine.observes ?? false,
    async compute({ program, wanted, observe = false, parameters, inputs, signal }) {
      const options = signal ? { signal } : {};
      const executable = await engine.compile(
        wanted ? observeOthers(program, wanted) : program,
        async (name) => asFloat32(required(parameters.get(name), `the parameter ${name}`)),
        options,
      );
      try {
        const given = new Map(
          [...inputs].map(([name, tensor]) => [name, tensor.dtype === "i32" ? tensor : asFloat32(tensor)]),
        );
        return await executable.run(given, { ...options, observe });
      } finally {
        await executable.dispose();
      }
    },
  };
}

/** Deviations of known kernels. */
const knownKernels: Readonly<Record<string, readonly string[]>> = {
  /** The demo of the Souffle tensor compiler, read from its CUDA source. */
  souffle: [
    ...["query", "key", "value", "attention-output", "intermediate", "output"].map((dense) => `no-bias:${dense}`),
    "relu",
    ...["attention", "output"].flatMap((norm) => [`no-norm-weight:${norm}`, `no-norm-bias:${norm}`]),
    "eps:0.00001",
    "scale:hidden",
    "no-mask",
  ],
  "no-bias": ["query", "key", "value", "attention-output", "intermediate", "output"].map((dense) => `no-bias:${dense}`),
  "no-affine": ["attention", "output"].flatMap((norm) => [`no-norm-weight:${norm}`, `no-norm-bias:${norm}`]),
};

/** More layers than any model has between two layers of a kind. */
const MAX_PERIOD = 16;

/** The names that `--candidate` accepts besides files: known kernels, and every single deviation. */
export function imitationNames(config: ModelConfig): string[] {
  // Layers differ at most in their window and their first LayerNorm, which repeat within a few layers.
  const layers = Array.from({ length: Math.min(config.layers, MAX_PERIOD) }, (_, layer) => layer);
  const ids = layers.flatMap((layer) => deviationsOf(config, layer).map(({ id }) => id));
  return [...Object.keys(knownKernels), ...new Set(ids)];
}

export const isImitation = (config: ModelConfig, name: string): boolean => imitationNames(config).includes(name);

/**
 * A kernel imitated by the interpreter: an ordinary implementation of a precision, with deviations.
 * @throws InputError for a name that is not in `imitationNames`.
 */
export function imitation(config: ModelConfig, name: string, precision: Precision): RunnableCandidate {
  if (!isImitation(config, name)) {
    throw new InputError({
      found: `there is no imitation ${JSON.stringify(name)}`,
      expected: `one of ${imitationNames(config).join(", ")}`,
    });
  }
  const ids = knownKernels[name] ?? [name];
  return {
    name,
    kind: "imitation",
    precision,
    async compute({ program, wanted, layer, parameters, inputs, signal }) {
      const deviations = deviationsOf(config, layer).filter(({ id }) => ids.includes(id));
      // All stages, even if few are wanted, because storing one rounds it and may overflow.
      const stages = await compute(applyAll(program, deviations), parameters, inputs, { precision, signal });
      return new Map([...stages].filter(([name]) => wanted === undefined || wanted.includes(name)));
    },
  };
}

export function applyAll(program: Program, deviations: readonly Deviation[]): Program {
  return deviations.reduce<Program>((changed, { apply }) => apply(changed), program);
}

/**
 * Candidates that can be run again: an engine, or an imitation of a kernel known to be wrong.
 *
 * Must stay true: a candidate is told only a program, parameters and inputs; nothing of what is expected.
 */
import type { BertConfig } from "../../architectures/bert/config.ts";
import { type Deviation, deviationsOf } from "../../architectures/bert/deviations.ts";
import type { Engine } from "../../engines/engine.ts";
import { InputError } from "../../errors.ts";
import { observeOthers, type Program } from "../../program/program.ts";
import { asFloat32 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { compute } from "../layer/layer-under-test.ts";
import type { Precision } from "../layer/precision.ts";

/** Something that computes a layer when asked. */
export interface RunnableCandidate {
  readonly name: string;
  readonly kind: "engine" | "imitation";
  readonly precision: Precision;
  /** Whether `observe` is heard. */
  readonly observes?: boolean;
  /** Computes stages of a layer. */
  compute(task: CandidateTask): Promise<Map<string, Tensor>>;
}

export interface CandidateTask {
  /** Has every stage the candidate would store among its outputs. */
  readonly program: Program;
  /** The outputs wanted, and no others; absent: all. */
  readonly wanted?: readonly string[];
  /** Beside what is wanted, the other stages that the kernels which compute it write, as they write them. */
  readonly observe?: boolean;
  /** Which layer's parameters the program reads. */
  readonly layer: number;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An engine as a candidate: its inputs and parameters reach it as float32.
 * @param name what reports call it; an engine's precisions and levels are different candidates.
 * @param precision what it stores its weights and activations in.
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
        async (name) => asFloat32(requiredParameter(parameters, name)),
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

function requiredParameter(parameters: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = parameters.get(name);
  if (tensor === undefined) throw new Error(`the layer has no parameter ${name}`);
  return tensor;
}

/** Known kernels, by the deviations they have. */
const knownKernels: Readonly<Record<string, readonly string[]>> = {
  /** What the demo of the Souffle tensor compiler computes, read from its CUDA source. */
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

/** The names `--candidate` takes beside files: known kernels, and every single deviation. */
export function imitationNames(config: BertConfig): string[] {
  return [...Object.keys(knownKernels), ...deviationsOf(config, 0).map(({ id }) => id)];
}

export const isImitation = (config: BertConfig, name: string): boolean => imitationNames(config).includes(name);

/**
 * A kernel imitated by the interpreter: an ordinary implementation of a precision, with its deviations.
 * @throws InputError for a name that is none of `imitationNames`.
 */
export function imitation(config: BertConfig, name: string, precision: Precision): RunnableCandidate {
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
      // All of them, even if few are wanted: what is stored is rounded, and may overflow.
      const stages = await compute(applyAll(program, deviations), parameters, inputs, { precision, signal });
      return new Map([...stages].filter(([name]) => wanted === undefined || wanted.includes(name)));
    },
  };
}

/** A program with deviations, applied in their order. */
export function applyAll(program: Program, deviations: readonly Deviation[]): Program {
  return deviations.reduce<Program>((changed, { apply }) => apply(changed), program);
}

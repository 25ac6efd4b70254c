/** The behaviour of every engine for every family, against what Hugging Face's transformers computes in float64. */
import { describe, expect, test } from "vitest";
import { questionAnsweringProgram } from "../src/architectures/index.ts";
import { selectOutputs } from "../src/program/program.ts";
import { packSequences } from "../src/rewrites/pack-sequences.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { enginesUnderTest } from "./support/engines.ts";
import { required } from "./support/golden.ts";
import {
  type GoldenFamily,
  goldenError,
  goldenFamilies,
  goldenInputs,
  goldenParameter,
  readGoldenFamilies,
} from "./support/golden-families.ts";

const golden = await readGoldenFamilies();

/** The stages that transformers calls `hidden_states`; its last one may be after a last LayerNorm, which is no stage. */
function hiddenStages({ name, config }: GoldenFamily): [stage: string, wanted: Tensor][] {
  const wanted = Array.from({ length: config.layers + 1 }, (_, index) => golden.get(`${name}/hidden_states.${index}`));
  return wanted.flatMap((tensor, index): [string, Tensor][] => {
    const isNormalized = config.family === "modernbert" && index === config.layers;
    if (tensor === undefined || isNormalized) return [];
    return [[index === 0 ? "embeddings" : `layer.${index - 1}.output`, tensor]];
  });
}

/** Families whose kernels are all that others have, for engines that take seconds to compile them. */
const various = new Set(["albert", "deberta-v3", "modernbert", "mpnet"]);

describe.each(enginesUnderTest)("$name", ({ engine, tolerance, isSlow }) => {
  const families = goldenFamilies.filter(({ name }) => !isSlow || various.has(name));
  test.each(families)("$name: hidden states and logits of a padded batch", async (family) => {
    const { name, config } = family;
    const stages = hiddenStages(family);
    expect(stages.length).toBeGreaterThanOrEqual(config.layers);
    const wanted = new Map<string, Tensor>(stages);
    for (const logits of ["start_logits", "end_logits"]) wanted.set(logits, required(golden.get(`${name}/${logits}`)));
    const program = selectOutputs(questionAnsweringProgram(config), [...wanted.keys()]);
    const executable = await engine.compile(program, goldenParameter(config));
    try {
      const found = await executable.run(goldenInputs(config));
      for (const [stage, tensor] of wanted) {
        expect(goldenError(required(found.get(stage)), tensor), stage).toBeLessThanOrEqual(tolerance);
      }
    } finally {
      await executable.dispose();
    }
  });
});

test.each(goldenFamilies)("$name is packed, unless it mixes neighbouring tokens", ({ config }) => {
  const program = selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]);
  expect(packSequences(program) === undefined).toBe("convolution" in config);
});

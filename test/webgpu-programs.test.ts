/**
 * Programs that are nobody's model, on the software GPU: what a kernel generator takes for granted of BERT shows here.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { interpret } from "../src/engines/reference/interpret.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import type { FloatDType, Tensor } from "../src/tensor/tensor.ts";
import { expectSame } from "./support/compare-tensors.ts";
import { randomProgram } from "./support/random-programs.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

const configurations = [
  { level: "O0", precision: "f32", tolerance: 1e-5, first: 1 },
  { level: "O3", precision: "f32", tolerance: 1e-5, first: 101 },
  { level: "O3", precision: "f16-storage", tolerance: 1e-2, first: 201 },
] as const;

const programs = Number(process.env["FUSEBERT_RANDOM_PROGRAMS"] ?? 4);

describe.skipIf(softwareGpuMissing !== undefined).each(configurations)(
  "$level $precision",
  ({ level, precision, tolerance, first }) => {
    let engine: WebGpuEngine;

    beforeAll(async () => {
      engine = new WebGpuEngine(await loadDawn(), { level, precision });
    });

    afterAll(() => engine.dispose());

    test.each(Array.from({ length: programs }, (_, index) => first + index))("random program %i", async (seed) => {
      const { program, parameters, inputs } = randomProgram(seed);
      const executable = await engine.compile(program, async (name) => parameters.get(name) as Tensor<FloatDType>);
      const found = await executable.run(inputs);
      await executable.dispose();
      const expected = await interpret(program, parameters, inputs);
      expectSame(found, expected, tolerance, `seed ${seed}`);
      expect(found.size).toBe(program.outputs.size);
    });
  },
);

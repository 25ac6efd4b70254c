/**
 * The GPU, and the versions of the compared packages.
 */
import { readFileSync } from "node:fs";
import { createGpuEngine } from "../../src/platform/node.ts";
import { repositoryFile } from "../repository-file.ts";
import type { Section } from "./section.ts";

interface GpuRow {
  readonly description: string;
}

export const machine: Section<GpuRow> = {
  name: "machine",
  title: "The machine",

  async measure(_setup, _side, emit) {
    const engine = await createGpuEngine();
    const { description } = await engine.probe();
    emit({ description });
  },

  async write(report, _setup, run) {
    const { rows, failure } = await run("");
    const packages = ["webgpu", "onnxruntime-node"].map((name) => {
      const { version } = JSON.parse(readFileSync(repositoryFile(`node_modules/${name}/package.json`), "utf8")) as {
        readonly version: string;
      };
      return `${name} ${version}`;
    });
    report.line(`\nGPU: ${rows[0]?.description ?? failure}, ${packages.join(", ")}.`);
  },
};

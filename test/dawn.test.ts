/**
 * WebGPU in a Node process: it finds the software GPU, survives garbage collection, and lets the process exit.
 *
 * Scripts run in separate processes, because the failures tested for are a process that hangs or crashes.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { loadDawn } from "../src/platform/dawn.ts";
import { repositoryRoot } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested with WebGPU in Node: ${softwareGpuMissing}.`);

/** Long enough for a slow, loaded machine. */
const patienceMs = 600_000;

/** Doubles 3 on the GPU. */
const prelude = `
import { loadDawn } from "./src/platform/dawn.ts";

const code = "@group(0) @binding(0) var<storage, read_write> x: array<f32>;"
  + "@compute @workgroup_size(1) fn double() { x[0] *= 2; }";

async function openDevice(options) {
  const adapter = await (await loadDawn(options)).requestAdapter();
  return adapter.requestDevice();
}

async function double(device) {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const x = device.createBuffer({ size: 4, usage: STORAGE | COPY_SRC | COPY_DST });
  const result = device.createBuffer({ size: 4, usage: COPY_DST | MAP_READ });
  device.queue.writeBuffer(x, 0, new Float32Array([3]));
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const entries = [{ binding: 0, resource: { buffer: x } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(x, 0, result, 0, 4);
  device.queue.submit([encoder.finish()]);
  await result.mapAsync(GPUMapMode.READ);
  return new Float32Array(result.getMappedRange())[0];
}
`;

test("gives advice on a platform without a build of the package", async () => {
  const printed = await runScript(`
    Object.defineProperty(process, "arch", { value: "mips" });
    for (let attempt = 0; attempt < 2; attempt++) {
      await loadDawn().catch(({ name, found, expected, advice }) => console.log(name, !!found, !!expected, !!advice));
    }
  `);
  expect(printed).toBe("EngineError true true true\n".repeat(2));
});

describe.skipIf(softwareGpuMissing !== undefined)("Dawn in Node", () => {
  test("computes on the software GPU, whatever GPU the machine has", async () => {
    const adapter = await (await loadDawn()).requestAdapter();
    expect(adapter?.info).toMatchObject({ architecture: "swiftshader", isFallbackAdapter: true });
  });

  test("is loaded once per set of options", async () => {
    expect(await loadDawn()).toBe(await loadDawn({ trusted: false }));
    expect(await loadDawn({ trusted: true })).toBe(await loadDawn({ trusted: true }));
    expect(await loadDawn()).not.toBe(await loadDawn({ trusted: true }));
  });

  test("keeps existing globals", async () => {
    const printed = await runScript(`
      globalThis.GPUMapMode = "mine";
      await loadDawn();
      console.log(GPUMapMode, typeof GPUBufferUsage, Object.keys(globalThis).includes("GPUBufferUsage"));
    `);
    expect(printed).toBe("mine function false\n");
  });

  test("lets the process exit after the device is destroyed, and can be used again before", async () => {
    const printed = await runScript(`
      for (const options of [{}, {}, { trusted: true }]) {
        const device = await openDevice(options);
        console.log(await double(device));
        device.destroy();
        console.log((await device.lost).reason);
      }
    `);
    expect(printed).toBe("6\ndestroyed\n".repeat(3));
  });

  test("lets the process exit with a device that is not destroyed, and a pending wait for its loss", async () => {
    const printed = await runScript(`
      globalThis.device = await openDevice();
      device.lost.then(() => console.log("lost"));
      console.log(await double(device));
    `);
    expect(printed).toBe("6\n");
  });

  test("survives garbage collection while only a device is referenced", async () => {
    const printed = await runScript(`
      const device = await openDevice();
      for (let round = 0; round < 5; round++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      console.log(await double(device));
      device.destroy();
    `);
    expect(printed).toBe("6\n");
  });
});

/** @returns the script's output, after its process exited normally. */
async function runScript(body: string): Promise<string> {
  const args = ["--expose-gc", "--import", "tsx", "--input-type=module", "--eval", prelude + body];
  const child = spawn(process.execPath, args, {
    cwd: repositoryRoot,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: patienceMs,
    killSignal: "SIGKILL",
  });
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
  const [printed, complaints, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect({ complaints, ...(end as object) }).toEqual({ complaints: "", code: 0, signal: null });
  return printed;
}

/**
 * What a device is asked for. The adapter is made up and gives no device, so this needs no GPU.
 */
import { expect, test } from "vitest";
import { GpuDevice } from "./gpu-device.ts";

const tensorCores = "chromium-experimental-subgroup-matrix";

/** @returns the features asked of an adapter that has all there are. */
async function featuresAsked(options?: { readonly tensorCores: boolean }): Promise<readonly string[]> {
  const asked: string[] = [];
  const adapter = {
    features: new Set(["shader-f16", "subgroups", "timestamp-query", tensorCores]),
    limits: {},
    info: { vendor: "made up", architecture: "", device: "", description: "" },
    requestDevice: async ({ requiredFeatures }: { readonly requiredFeatures: readonly string[] }) => {
      asked.push(...requiredFeatures);
      throw new Error("there is none");
    },
  };
  const gpu = { requestAdapter: async () => adapter } as unknown as GPU;
  await expect(GpuDevice.open(gpu, options)).rejects.toThrow("made up gives no device: there is none");
  return asked;
}

test("a device is asked for tensor cores, unless they are not wanted", async () => {
  const all = await featuresAsked();
  expect(all).toContain(tensorCores);
  expect(await featuresAsked({ tensorCores: false })).toEqual(all.filter((feature) => feature !== tensorCores));
});

/** fusebert on the GPU; fails on a software adapter. */
import { load as loadOn } from "./fusebert.mjs";

export async function load(folder) {
  const contestant = await loadOn(folder, "webgpu");
  if (/swiftshader|llvmpipe/i.test(contestant.computedBy)) throw new Error(`${contestant.computedBy} is no GPU`);
  return contestant;
}

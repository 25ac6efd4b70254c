/**
 * Subprograms: the kernels that compute attention, from a layer's input to its LayerNorm, and those of the feed-forward
 * network after it, by the names Souffle gave them: `fused_attn` and `fused_feedforward`.
 *
 * They are what is timed, explained and compared as one, and what a device that can run them as one dispatch would. Kernels
 * are told apart by what they do, not by the names of parameters: a subprogram ends with a kernel of rows (a LayerNorm);
 * one that has an attention kernel is attention, and the one that follows it the feed-forward network.
 *
 * Does not apply to kernels before the first attention and after the last LayerNorm, nor where a LayerNorm has been folded
 * away, for then the two overlap.
 */
import type { Kernel, Schedule } from "./schedule.ts";

export function nameSubprograms(schedule: Schedule): Schedule {
  const kernels: Kernel[] = [];
  let [layer, expected] = [-1, false];
  for (const group of upToRows(schedule.kernels)) {
    const isWhole = group.at(-1)?.template.kind === "row-reduction";
    const isAttention = isWhole && group.some(({ template }) => template.kind === "attention");
    const name = isAttention ? "fused_attn" : isWhole && expected ? "fused_feedforward" : undefined;
    if (isAttention) layer++;
    expected = isAttention;
    kernels.push(...group.map((kernel) => (name ? { ...kernel, subprogram: `layer.${layer}.${name}` } : kernel)));
  }
  return { ...schedule, kernels };
}

/** The kernels cut after each kernel of rows. */
function upToRows(kernels: readonly Kernel[]): Kernel[][] {
  const groups: Kernel[][] = [[]];
  for (const kernel of kernels) {
    groups.at(-1)?.push(kernel);
    if (kernel.template.kind === "row-reduction") groups.push([]);
  }
  return groups.filter((group) => group.length > 0);
}

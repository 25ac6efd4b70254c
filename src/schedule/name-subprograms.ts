/**
 * Names subprograms: the kernels of attention, from a layer's input to its LayerNorm, and those of the feed-forward network
 * after it, with Souffle's names: `fused_attn` and `fused_feedforward`.
 *
 * Each is explained, timed and compared as a unit, and may run as one persistent dispatch. A subprogram ends with a row
 * reduction (a LayerNorm); one that contains an attention kernel is attention, the next one the feed-forward network.
 *
 * Does not apply to kernels before the first attention and after the last LayerNorm, nor if LayerNorms are folded, because
 * then the two overlap.
 */
import type { Kernel, Schedule } from "./schedule.ts";

export function nameSubprograms(schedule: Schedule): Schedule {
  const kernels: Kernel[] = [];
  let [layer, expected] = [-1, false];
  for (const group of splitAfterReductions(schedule.kernels)) {
    const isComplete = group.at(-1)?.template.kind === "row-reduction";
    const isAttention = isComplete && group.some(({ template }) => template.kind === "attention");
    const name = isAttention ? "fused_attn" : isComplete && expected ? "fused_feedforward" : undefined;
    if (isAttention) layer++;
    expected = isAttention;
    kernels.push(...group.map((kernel) => (name ? { ...kernel, subprogram: `layer.${layer}.${name}` } : kernel)));
  }
  return { ...schedule, kernels };
}

/** The kernels split after each row reduction. */
function splitAfterReductions(kernels: readonly Kernel[]): Kernel[][] {
  const groups: Kernel[][] = [[]];
  for (const kernel of kernels) {
    groups.at(-1)?.push(kernel);
    if (kernel.template.kind === "row-reduction") groups.push([]);
  }
  return groups.filter((group) => group.length > 0);
}

/**
 * The grid-wide barrier of persistent kernels, as WGSL: a workgroup waits until all have come.
 *
 * Must stay true: the barrier spins a bounded time; on timeout it sets a flag, and every workgroup exits.
 */

/** Attempts, each a trip to the GPU's memory: some tenths of a second, and so much longer than any kernel takes. */
const mostAttempts = 2 ** 19;

/** The first counter says whether some workgroup has waited in vain, the others how many have come to a meeting. */
export const meetingsSource = `
var<workgroup> has_met: u32;
fn meet(number: u32, workgroups: u32, local_index: u32) -> bool {
  storageBarrier();
  workgroupBarrier();
  if (local_index == 0u) {
    atomicAdd(&meetings[number], 1u);
    has_met = 0u;
    for (var attempt = 0u; attempt < ${mostAttempts}u; attempt++) {
      if (atomicLoad(&meetings[0]) != 0u) { break; }
      if (atomicLoad(&meetings[number]) >= workgroups) {
        has_met = 1u;
        break;
      }
    }
    if (has_met == 0u) { atomicStore(&meetings[0], 1u); }
  }
  storageBarrier();
  return workgroupUniformLoad(&has_met) != 0u;
}
`.trim();

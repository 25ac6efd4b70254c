/**
 * Maps the invocations of a workgroup to a 2-D grid so that a subgroup's reads from workgroup memory coincide.
 *
 * Must stay true: every position of the grid belongs to exactly one invocation.
 */

/**
 * Declares `x` and `y` of an invocation. Where the grid allows it, 32 neighbours form blocks 8 wide and 4 high, of 2 × 2
 * blocks, which minimizes their reads from workgroup memory. @param index the invocation's index, as WGSL.
 */
export function threadSwizzle(index: string, width: number, height: number): string[] {
  if (width % 8 !== 0 || height % 4 !== 0)
    return [`let y = (${index}) / ${width}u;`, `let x = (${index}) % ${width}u;`];
  const blocks = width / 8;
  return [
    "let lane = local_index % 32u;",
    `let block = (${index}) / 32u;`,
    `let y = block / ${blocks}u * 4u + lane / 2u % 2u + lane / 16u * 2u;`,
    `let x = block % ${blocks}u * 8u + lane % 2u + lane / 4u % 4u * 2u;`,
  ];
}

/**
 * Maps the invocations of a workgroup to a 2-D grid so that a subgroup's reads from workgroup memory coincide.
 *
 * Must stay true: every place of the grid belongs to exactly one invocation.
 */

/**
 * `x` and `y` of an invocation, as WGSL. Where the grid allows it, 32 neighbours are 8 wide and 4 high, and of each four two
 * share a row and two a column: together they read the least from workgroup memory.
 * @param index of the invocation, as WGSL.
 * @param width of the grid.
 * @param height of the grid.
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

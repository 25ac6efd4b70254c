/**
 * How the invocations of a workgroup share a rectangle, each the lines of both operands that meet at its place.
 *
 * Must stay true: every place belongs to exactly one invocation.
 */

/**
 * `x` and `y` of an invocation by its number, as WGSL. Where the rectangle allows it, 32 neighbours are eight side by side
 * and four one below the other, and of each four two share a row and two a column: what they read from workgroup memory
 * together is then the least.
 * @param index of the invocation, as WGSL.
 * @param width how many there are side by side, and one below the other:
 * @param height
 */
export function placeOfInvocation(index: string, width: number, height: number): string[] {
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

/**
 * Which files of a model can stand in for one another: what a cache that somebody else has filled says about files it
 * does not have.
 *
 * Python downloads what it needs and asks for no more: a cache that it has filled with vocab.txt never learnt whether
 * there is a tokenizer.json. Where nobody can be asked, the file that is there answers for those that are not. A cache
 * with none of a group is another matter: its download was never finished, and to call the model incomplete would send
 * the person the wrong way.
 *
 * Must stay true: parts of a sharded model stand in for nothing, and nothing for them.
 */

const weights = /^(?:(?:pytorch_|tf_|flax_)?model|onnx\/model)\.\w+(?:\.index\.json)?$/;

/** Files that may be looked for in vain, and those of which one is enough. */
const groups: readonly { readonly wanted: RegExp; readonly enough: RegExp }[] = [
  { wanted: weights, enough: weights },
  { wanted: /^(?:tokenizer|tokenizer_config)\.json$|^vocab\.txt$/, enough: /^tokenizer\.json$|^vocab\.txt$/ },
];

/** Whether a model that has the `present` files can do without this one. */
export function isDispensable(path: string, present: readonly string[]): boolean {
  const group = groups.find(({ wanted }) => wanted.test(path));
  return group !== undefined && present.some((other) => group.enough.test(other));
}

/**
 * Files of a model that are alternatives to one another, for a cache filled by Python and used offline.
 *
 * Python downloads only what it needs: a cache with vocab.txt does not know whether there is a tokenizer.json. Offline,
 * the cached alternative makes the unknown file count as absent. If the cache has no file of a group, its download was
 * not finished, and to report the model as incomplete would be misleading.
 *
 * Must stay true: shards are no alternatives to other files, nor other files to shards.
 */

const weights = /^(?:(?:pytorch_|tf_|flax_)?model|onnx\/model)\.\w+(?:\.index\.json)?$/;

/** Optional files, and the files of which one is sufficient. */
const groups: readonly { readonly optional: RegExp; readonly sufficient: RegExp }[] = [
  { optional: weights, sufficient: weights },
  {
    optional:
      /^(?:tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^vocab\.(?:txt|json)$|^merges\.txt$|^(?:sentencepiece\.bpe|spiece|spm)\.model$/,
    sufficient: /^tokenizer\.json$|^vocab\.txt$|^merges\.txt$|^(?:sentencepiece\.bpe|spiece|spm)\.model$/,
  },
];

/** Whether a model with the `present` files does not need this one. */
export function isDispensable(path: string, present: readonly string[]): boolean {
  const group = groups.find(({ optional }) => optional.test(path));
  return group !== undefined && present.some((other) => group.sufficient.test(other));
}

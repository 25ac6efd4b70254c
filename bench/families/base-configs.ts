/**
 * Each family at base size as its authors published it, but for the vocabulary: the rows of a table cost memory, not time, so
 * all have BERT's.
 */
const sizes = {
  vocab_size: 30_522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
};
const afterPadding = { ...sizes, max_position_embeddings: 514, pad_token_id: 1 };

/** By name; `config.json`'s contents. BERT is first. */
export const baseFamilies: Readonly<Record<string, object>> = {
  bert: { ...sizes, model_type: "bert" },
  roberta: { ...afterPadding, model_type: "roberta", type_vocab_size: 1 },
  electra: { ...sizes, model_type: "electra", embedding_size: 768 },
  albert: { ...sizes, model_type: "albert", embedding_size: 128 },
  mpnet: { ...afterPadding, model_type: "mpnet" },
  "deberta-v3": {
    ...sizes,
    model_type: "deberta-v2",
    relative_attention: true,
    position_buckets: 256,
    norm_rel_ebd: "layer_norm",
    share_att_key: true,
    pos_att_type: ["p2c", "c2p"],
    position_biased_input: false,
    type_vocab_size: 0,
  },
  // 22 layers and a narrow gated network: about BERT-base's work in twelve, and its own of them here.
  modernbert: {
    ...sizes,
    model_type: "modernbert",
    num_hidden_layers: 22,
    intermediate_size: 1152,
    local_attention: 128,
    global_attn_every_n_layers: 3,
    pad_token_id: 0,
    max_position_embeddings: 8192,
  },
  // Six layers.
  distilbert: {
    model_type: "distilbert",
    vocab_size: 30_522,
    dim: 768,
    n_layers: 6,
    n_heads: 12,
    hidden_dim: 3072,
    max_position_embeddings: 512,
  },
};

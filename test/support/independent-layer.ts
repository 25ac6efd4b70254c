/**
 * One BERT layer in plain loops, with everything a kernel may get wrong: somebody else's code, to put the diagnosis to the
 * test. It shares nothing with the engines and the hypotheses but the deviations' names.
 */

/** Stores a number as a kernel's output format would. */
export type Rounding = (value: number) => number;

/** What one kernel does. */
export interface Kernel {
  /** Identifiers of deviations, as in a report; `scale:0.3` and `eps:0.001` take any number. */
  readonly deviations: readonly string[];
  readonly round: Rounding;
  /** By stage, where it is dumped instead of at its own place: one of `dumpPoints`. */
  readonly dumpAt?: Readonly<Record<string, string>>;
  /** Goes on with what it computed, not with what it stored: a fused kernel's registers. */
  readonly fused?: boolean;
  /** Rounds every running sum, as an accumulator of that precision does. */
  readonly accumulate?: Rounding;
}

/** Where people dump a stage instead. */
export const dumpPoints: Readonly<Record<string, readonly string[]>> = {
  query: ["before its bias", "scaled", "scaled by the root"],
  key: ["before its bias", "scaled by the root"],
  value: ["before its bias"],
  attention_scores: ["before the scale", "before the mask", "with large negative numbers at masked keys"],
  attention_output_dense: ["before its bias", "after the residual", "after the LayerNorm"],
  attention_output: ["before the LayerNorm", "before the residual"],
  intermediate: ["before the activation", "before its bias"],
  output_dense: ["before its bias", "after the residual"],
};

/** A layer's weights, [out, in] and [width], by what stands between `encoder.layer.N.` and the end of their names. */
export type LayerWeights = (name: string) => ArrayLike<number>;

export interface LayerSize {
  readonly batch: number;
  readonly sequence: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly eps: number;
}

const exactly: Rounding = (value) => value;

/** Every stage by its bare name, flat, in the order of the axes that dumps have. */
export function runIndependentLayer(
  size: LayerSize,
  weights: LayerWeights,
  input: ArrayLike<number>,
  mask: ArrayLike<number>,
  kernel: Kernel,
): Map<string, Float64Array> {
  const { batch, sequence, hidden, heads, intermediate } = size;
  const { round, fused = false, accumulate = exactly } = kernel;
  const does = (id: string): boolean => kernel.deviations.includes(id);
  const numberOf = (prefix: string): number | undefined => {
    const id = kernel.deviations.find((deviation) => deviation.startsWith(prefix));
    return id === undefined ? undefined : (scales(size)[id] ?? Number(id.slice(prefix.length)));
  };
  const rows = batch * sequence;
  const stages = new Map<string, Float64Array>();
  const store = (
    name: string,
    values: Float64Array,
    points: Readonly<Record<string, () => Float64Array>> = {},
  ): Float64Array => {
    const dumped = points[kernel.dumpAt?.[name] ?? ""]?.() ?? values;
    stages.set(name, dumped.map(round));
    return fused ? values : values.map(round);
  };
  const times = (values: Float64Array, factor: number) => values.map((x) => x * factor);

  const dense = (x: ArrayLike<number>, path: string, id: string, inputs: number, outputs: number, bias = true) => {
    const weight = weights(`${path}.weight`);
    const offset = weights(`${path}.bias`);
    const y = new Float64Array(rows * outputs);
    const at = (to: number, from: number): number => {
      // The bytes of [out, in] taken for [in, out]; or those of the transpose taken for [out, in].
      if (does(`transposed:${id}`)) return from * outputs + to;
      if (!does(`transposed-bytes:${id}`)) return to * inputs + from;
      const place = to * inputs + from;
      return (place % outputs) * inputs + Math.floor(place / outputs);
    };
    for (let row = 0; row < rows; row++) {
      for (let to = 0; to < outputs; to++) {
        let total = 0;
        for (let from = 0; from < inputs; from++) {
          total = accumulate(total + number(x, row * inputs + from) * number(weight, at(to, from)));
        }
        y[row * outputs + to] = total + (bias && !does(`no-bias:${id}`) ? number(offset, to) : 0);
      }
    }
    return y;
  };
  const norm = (x: ArrayLike<number>, path: string, id: string): Float64Array => {
    const [weight, bias] = [weights(`${path}.weight`), weights(`${path}.bias`)];
    const eps = numberOf("eps:") ?? size.eps;
    const y = new Float64Array(rows * hidden);
    for (let row = 0; row < rows; row++) {
      let [sum, squares] = [0, 0];
      for (let i = 0; i < hidden; i++) sum = accumulate(sum + number(x, row * hidden + i));
      const mean = accumulate(sum / hidden);
      for (let i = 0; i < hidden; i++) squares = accumulate(squares + (number(x, row * hidden + i) - mean) ** 2);
      const deviation = Math.sqrt(squares / (does("unbiased-variance") ? hidden - 1 : hidden) + eps);
      for (let i = 0; i < hidden; i++) {
        const scaled = (number(x, row * hidden + i) - mean) / deviation;
        const gain = does(`no-norm-weight:${id}`) ? 1 : number(weight, i);
        y[row * hidden + i] = scaled * gain + (does(`no-norm-bias:${id}`) ? 0 : number(bias, i));
      }
    }
    return y;
  };
  const plus = (a: ArrayLike<number>, b: ArrayLike<number>) => Float64Array.from(a, (x, i) => x + number(b, i));
  /** Residual and LayerNorm, in one of the orders that people put them. */
  const join = (x: Float64Array, kept: ArrayLike<number>, path: string, id: string): Float64Array => {
    if (does("pre-norm")) return plus(x, kept);
    if (does(`no-residual:${id}`)) return norm(x, path, id);
    return does(`residual-after-norm:${id}`) ? plus(norm(x, path, id), kept) : norm(plus(x, kept), path, id);
  };

  const [attentionNorm, outputNorm] = ["attention.output.LayerNorm", "output.LayerNorm"];
  const read = does("pre-norm") ? norm(input, attentionNorm, "attention") : input;
  const swap = does("swap-query-key");
  const queryPath = `attention.self.${swap ? "key" : "query"}`;
  const keyPath = `attention.self.${swap ? "query" : "key"}`;
  const headSize = hidden / heads;
  /** A matrix multiplication with its bias, dumped before it or multiplied by something. */
  const project = (stage: string, path: string, id: string): Float64Array => {
    const y = dense(read, path, id, hidden, hidden);
    return store(stage, y, {
      "before its bias": () => dense(read, path, id, hidden, hidden, false),
      scaled: () => times(y, 1 / Math.sqrt(headSize)),
      "scaled by the root": () => times(y, headSize ** -0.25),
    });
  };
  const query = project("query", queryPath, swap ? "key" : "query");
  const key = project("key", keyPath, swap ? "query" : "key");
  const value = project("value", "attention.self.value", "value");

  const column = (head: number, i: number): number =>
    does("heads-interleaved") ? i * heads + head : head * headSize + i;
  const scale = numberOf("scale:") ?? 1 / Math.sqrt(headSize);
  const raw = new Float64Array(batch * heads * sequence * sequence);
  eachPair(size, (index, { item, head, from, to }) => {
    let total = 0;
    for (let i = 0; i < headSize; i++) {
      const place = column(head, i);
      const product =
        number(query, (item * sequence + from) * hidden + place) * number(key, (item * sequence + to) * hidden + place);
      total = accumulate(total + product);
    }
    raw[index] = total * scale;
  });
  const isReal = (item: number, position: number): boolean => mask[item * sequence + position] !== 0;
  const masked = raw.slice();
  eachPair(size, (index, { item, to }) => {
    if (!isReal(item, to) && !does("no-mask") && !does("mask-after-softmax")) masked[index] = 0;
  });
  const scores = store("attention_scores", masked, {
    "before the scale": () => times(raw, 1 / scale),
    "before the mask": () => raw,
    "with large negative numbers at masked keys": () => {
      const added = raw.slice();
      eachPair(size, (index, { item, to }) => {
        if (!isReal(item, to)) added[index] = -10_000;
      });
      return added;
    },
  });
  const probs = new Float64Array(scores.length);
  for (let row = 0; row < batch * heads * sequence; row++) {
    const item = Math.floor(row / (heads * sequence));
    const counts = (to: number) => isReal(item, to) || does("no-mask") || does("mask-after-softmax");
    let [most, total] = [Number.NEGATIVE_INFINITY, 0];
    for (let to = 0; to < sequence; to++) if (counts(to)) most = Math.max(most, number(scores, row * sequence + to));
    for (let to = 0; to < sequence; to++) {
      if (!counts(to)) continue;
      probs[row * sequence + to] = accumulate(Math.exp(number(scores, row * sequence + to) - most));
      total = accumulate(total + number(probs, row * sequence + to));
    }
    for (let to = 0; to < sequence; to++) {
      const dropped = does("mask-after-softmax") && !isReal(item, to);
      probs[row * sequence + to] = dropped || total === 0 ? 0 : number(probs, row * sequence + to) / total;
    }
  }
  const shares = store("attention_probs", probs);
  const mixed = new Float64Array(rows * hidden);
  for (let row = 0; row < rows; row++) {
    const [item, from] = [Math.floor(row / sequence), row % sequence];
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < headSize; i++) {
        let total = 0;
        for (let to = 0; to < sequence; to++) {
          const share = number(shares, ((item * heads + head) * sequence + from) * sequence + to);
          total = accumulate(total + share * number(value, (item * sequence + to) * hidden + column(head, i)));
        }
        mixed[row * hidden + column(head, i)] = total;
      }
    }
  }
  const context = store("context", mixed);

  const attended = dense(context, "attention.output.dense", "attention-output", hidden, hidden);
  const attendedStored = store("attention_output_dense", attended, {
    "before its bias": () => dense(context, "attention.output.dense", "attention-output", hidden, hidden, false),
    "after the residual": () => plus(attended, input),
    "after the LayerNorm": () => join(attended, input, attentionNorm, "attention"),
  });
  const attention = store("attention_output", join(attendedStored, input, attentionNorm, "attention"), {
    "before the LayerNorm": () => plus(attendedStored, input),
    "before the residual": () => attendedStored,
  });
  const widenedInput = does("pre-norm") ? norm(attention, outputNorm, "output") : attention;
  const biasAfter = does("bias-after-activation");
  const widened = dense(widenedInput, "intermediate.dense", "intermediate", hidden, intermediate, !biasAfter);
  const offset = weights("intermediate.dense.bias");
  const activated = widened.map((x, index) => {
    return activate(x, does) + (biasAfter && !does("no-bias:intermediate") ? number(offset, index % intermediate) : 0);
  });
  const wide = store("intermediate", activated, {
    "before the activation": () => widened,
    "before its bias": () => dense(widenedInput, "intermediate.dense", "intermediate", hidden, intermediate, false),
  });
  const projected = dense(wide, "output.dense", "output", intermediate, hidden);
  const narrowed = store("output_dense", projected, {
    "before its bias": () => dense(wide, "output.dense", "output", intermediate, hidden, false),
    "after the residual": () => plus(projected, attention),
  });
  store("output", join(narrowed, attention, outputNorm, "output"));
  return stages;
}

interface Pair {
  readonly item: number;
  readonly head: number;
  readonly from: number;
  readonly to: number;
}

function eachPair({ batch, heads, sequence }: LayerSize, visit: (index: number, pair: Pair) => void): void {
  let index = 0;
  for (let item = 0; item < batch; item++) {
    for (let head = 0; head < heads; head++) {
      for (let from = 0; from < sequence; from++) {
        for (let to = 0; to < sequence; to++) visit(index++, { item, head, from, to });
      }
    }
  }
}

const number = (values: ArrayLike<number>, index: number): number => values[index] ?? Number.NaN;

/** The wrong scales that have names. */
const scales = ({ hidden, heads }: LayerSize): Record<string, number> => ({
  "scale:hidden": 1 / Math.sqrt(hidden),
  "scale:none": 1,
  "scale:head-size": heads / hidden,
});

function activate(x: number, does: (id: string) => boolean): number {
  if (does("relu")) return Math.max(0, x);
  if (does("no-activation")) return x;
  if (does("quick-gelu")) return x / (1 + Math.exp(-1.702 * x));
  if (does("silu")) return x / (1 + Math.exp(-x));
  if (does("gelu-tanh")) return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  return (x / 2) * erfc(-x / Math.SQRT2);
}

/** The complementary error function: its series near zero, its continued fraction (Lentz backwards) further out. */
function erfc(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let [term, total] = [x, x];
    for (let n = 1; n < 120; n++) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * total;
  }
  let tail = 0;
  for (let n = 60; n > 0; n--) tail = n / 2 / (a + tail);
  const positive = Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + tail);
  return x > 0 ? positive : 2 - positive;
}

import * as build from "../../src/program/build.ts";
import { gelu, layerNorm, maskedSoftmax } from "../../src/program/layers.ts";
import type { Program, Shape, Value } from "../../src/program/program.ts";
import { seededNormal, seededUniform } from "../../src/tensor/random.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";

export interface RandomProgram {
  readonly program: Program;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

const widths = [3, 4, 5, 6, 7, 8, 12, 13, 16, 18, 32, 48];
const tableRows = 11;

/** @param steps how many compound operations it is made of. */
export function randomProgram(seed: number, steps = 9): RandomProgram {
  return new Generator(seed).generate(steps);
}

class Generator {
  readonly #uniform: () => number;
  readonly #normal: () => number;
  readonly #parameters = new Map<string, Tensor>();
  /** Of shape [batch, sequence, width]. */
  readonly #states: Value[] = [];
  /** Of any shape, in the middle of things. */
  readonly #inner: Value[] = [];
  readonly #ids = build.input("ids", ["batch", "sequence"], "integer");
  readonly #mask = build.input("key_mask", ["batch", "sequence"], "integer");

  constructor(seed: number) {
    this.#uniform = seededUniform(seed);
    this.#normal = seededNormal(seed + 1);
  }

  generate(steps: number): RandomProgram {
    const width = this.#width();
    this.#states.push(build.input("x", ["batch", "sequence", width], "real"));
    for (let step = 0; step < steps; step++) this.#states.push(this.#step());
    const outputs = new Map<string, Value>([["last", this.#state()]]);
    outputs.set("newest", this.#states.at(-1) as Value);
    for (let count = this.#below(4); count > 0 && this.#inner.length > 0; count--) {
      outputs.set(`inner${count}`, this.#pick(this.#inner));
    }
    return { program: { outputs }, parameters: this.#parameters, inputs: this.#inputs(width) };
  }

  #inputs(width: number): Map<string, Tensor> {
    const [batch, sequence] = [1 + this.#below(3), 1 + this.#below(9)];
    const integers = (limit: number): Tensor => {
      const data = Int32Array.from({ length: batch * sequence }, () => this.#below(limit));
      return { dtype: "i32", shape: [batch, sequence], data };
    };
    return new Map([
      ["x", this.#tensor([batch, sequence, width], 1)],
      ["ids", integers(tableRows)],
      ["key_mask", integers(2)],
    ]);
  }

  #step(): Value {
    const kinds = [
      () => this.#dense(this.#state(), this.#width()),
      () => this.#sharedDense(),
      () => this.#denseNormalized(),
      () => this.#attention(),
      () => this.#attention(),
      () => this.#chain(this.#state()),
      () => this.#chain(this.#state()),
      () => this.#norm(this.#state()),
      () => this.#softmax(this.#state()),
      () => this.#reduced(this.#state()),
      () => this.#gathered(),
      () => this.#columns(),
      () => this.#reordered(this.#state()),
      () => this.#gram(this.#state()),
      () => this.#residual(),
    ];
    return this.#keep(this.#pick(kinds)());
  }

  #keep(value: Value): Value {
    this.#inner.push(value);
    return value;
  }

  #parameter(shape: readonly number[], scale = 1): Value {
    const name = `parameter${this.#parameters.size}`;
    this.#parameters.set(name, this.#tensor(shape, scale));
    return build.parameter(name, shape);
  }

  #tensor(shape: readonly number[], scale: number): Tensor {
    const data = Float32Array.from({ length: elementCount(shape) }, () => scale * this.#normal());
    return { dtype: "f32", shape, data };
  }

  /** A weight as [inputs, outputs]: stored so, transposed, or computed of two. */
  #weight(inputs: number, outputs: number, form = this.#below(4)): Value {
    const scale = 1 / Math.sqrt(inputs);
    if (form === 0) return this.#parameter([inputs, outputs], scale);
    if (form === 1) {
      const factor = this.#parameter([outputs]);
      return build.multiply(this.#parameter([inputs, outputs], scale), factor);
    }
    return build.transpose(this.#parameter([outputs, inputs], scale), [1, 0]);
  }

  #dense(operand: Value, outputs: number, form?: number): Value {
    const product = build.matmul(operand, this.#weight(widthOf(operand), outputs, form));
    return this.#isLikely() ? build.add(this.#keep(product), this.#parameter([outputs])) : product;
  }

  /** Two or three matmuls of one operand, their biases and what comes after alike or not. */
  #sharedDense(): Value {
    const operand = this.#state();
    const [outputs, form] = [this.#width(), this.#below(3)];
    const parts = Array.from({ length: 2 + this.#below(2) }, () =>
      this.#keep(this.#dense(operand, this.#isLikely() ? outputs : this.#width(), form)),
    );
    this.#states.push(...parts);
    return build.concatenate(parts, 2);
  }

  /** What every transformer layer ends with. */
  #denseNormalized(): Value {
    const operand = this.#state();
    const outputs = this.#pick([16, 32, 48, 64, 12]);
    const widened = this.#dense(operand, outputs);
    const row = this.#keep(build.add(widened, this.#dense(operand, outputs)));
    const normalized = this.#keep(this.#norm(row));
    this.#states.push(normalized);
    if (this.#isLikely()) return this.#dense(normalized, this.#width());
    return this.#chain(this.#dense(normalized, outputs), normalized);
  }

  #attention(): Value {
    const operand = this.#state();
    const [heads, size] = [1 + this.#below(3), this.#pick([2, 3, 4, 5, 8])];
    const split = (value: Value): Value =>
      build.transpose(build.reshape(value, ["batch", "sequence", heads, size]), [0, 2, 1, 3]);
    const [query, key, value] = [0, 1, 2].map(() => split(this.#dense(operand, heads * size, 2))) as [
      Value,
      Value,
      Value,
    ];
    const products = build.matmul(query, build.transpose(key, [0, 1, 3, 2]));
    const scores = this.#keep(build.multiply(products, build.constant(1 / Math.sqrt(size))));
    const isMasked = this.#isLikely();
    const keyMask = build.reshape(this.#mask, ["batch", 1, 1, "sequence"]);
    const probabilities = this.#keep(isMasked ? maskedSoftmax(scores, keyMask) : softmax(scores));
    const context = this.#keep(build.matmul(probabilities, value));
    return build.reshape(build.transpose(context, [0, 2, 1, 3]), ["batch", "sequence", heads * size]);
  }

  #chain(start: Value, other = start): Value {
    let value = start;
    for (let length = 1 + this.#below(4); length > 0; length--) value = this.#elementwise(value, other);
    return value;
  }

  #elementwise(value: Value, other: Value): Value {
    const { add, constant, divide, erf, exp, maximum, multiply, select, sqrt, subtract, tanh } = build;
    const forms = [
      () => add(value, this.#parameter([widthOf(value)])),
      () => tanh(multiply(value, other)),
      () => gelu(value),
      () => erf(value),
      () => exp(tanh(value)),
      () => sqrt(add(multiply(value, value), constant(0.25))),
      () => maximum(value, constant(-0.5)),
      () => subtract(tanh(value), build.slice(tanh(other), 2, 0, 1)),
      () => divide(value, add(exp(tanh(other)), constant(1))),
      () => select(build.reshape(this.#mask, ["batch", "sequence", 1]), value, this.#parameter([widthOf(value)])),
    ];
    return this.#keep(this.#pick(forms)());
  }

  #norm(operand: Value): Value {
    const name = `norm${this.#parameters.size}`;
    const width = widthOf(operand);
    for (const part of ["weight", "bias"]) this.#parameters.set(`${name}.${part}`, this.#tensor([width], 1));
    return layerNorm(operand, 0.01, name);
  }

  #softmax(operand: Value): Value {
    return softmax(operand);
  }

  #reduced(operand: Value): Value {
    const { add, constant, divide, max, subtract, sum, tanh } = build;
    const total = this.#isLikely() ? max(operand) : divide(sum(operand), constant(widthOf(operand)));
    const reduced = this.#keep(this.#isLikely() ? tanh(total) : total);
    return this.#isLikely() ? subtract(operand, reduced) : add(tanh(operand), reduced);
  }

  #gathered(): Value {
    const width = this.#width();
    const rows = build.gather(this.#parameter([tableRows, width]), this.#ids);
    return this.#isLikely() ? rows : build.add(rows, build.tanh(this.#dense(this.#state(), width)));
  }

  /** Slices of the last axis, put together in another order. */
  #columns(): Value {
    const operand = this.#state();
    const width = widthOf(operand);
    if (width === 1) return this.#chain(operand);
    const middle = 1 + this.#below(width - 1);
    const [first, second] = [build.slice(operand, 2, 0, middle), build.slice(operand, 2, middle, width)];
    return this.#isLikely() ? build.concatenate([this.#keep(second), build.tanh(first)], 2) : this.#chain(second);
  }

  #reordered(operand: Value): Value {
    const width = widthOf(operand);
    const parts = [2, 3, 1].find((count) => width % count === 0) as number;
    const split = build.reshape(operand, ["batch", "sequence", parts, width / parts]);
    const exchanged = build.transpose(this.#isLikely() ? build.tanh(split) : split, [0, 1, 3, 2]);
    const back = build.reshape(this.#keep(exchanged), ["batch", "sequence", width]);
    return this.#isLikely() ? back : this.#chain(back);
  }

  /** xᵀ x, and x times that: a batched matmul that sums over positions. */
  #gram(operand: Value): Value {
    const squashed = build.tanh(operand);
    const products = this.#keep(build.matmul(build.transpose(squashed, [0, 2, 1]), squashed));
    return build.matmul(squashed, build.multiply(products, build.constant(0.1)));
  }

  #residual(): Value {
    const operand = this.#state();
    const fitting = this.#states.filter((value) => widthOf(value) === widthOf(operand));
    return build.add(build.tanh(operand), this.#pick(fitting));
  }

  #state(): Value {
    // The newest ones more often, so that programs are deep.
    return this.#isLikely() ? (this.#states.at(-1) as Value) : this.#pick(this.#states);
  }

  #width(): number {
    return this.#pick(widths);
  }

  #below(limit: number): number {
    return Math.floor(this.#uniform() * limit);
  }

  #isLikely(): boolean {
    return this.#uniform() < 0.6;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }
}

const widthOf = ({ shape }: { readonly shape: Shape }): number => shape.at(-1) as number;

function softmax(operand: Value): Value {
  const exponentials = build.exp(build.subtract(operand, build.max(operand)));
  return build.divide(exponentials, build.sum(exponentials));
}

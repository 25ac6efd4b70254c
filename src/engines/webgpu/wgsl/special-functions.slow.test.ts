/**
 * The special functions' WGSL against float64 truth. A GPU may not be there, so the text itself is evaluated here, one
 * lane, every operation rounded to float32; products that a device may fuse into a sum both ways, and functions to which
 * WGSL allows an error with the worst of it. Where a device is there, it computes the same.
 */
import { expect, test } from "vitest";
import { softwareGpuMissing } from "../../../../test/support/software-gpu.ts";
import { loadDawn } from "../../../platform/dawn.ts";
import { erf } from "../../reference/erf.ts";
import { specialFunctions } from "./special-functions.ts";

type Name = keyof typeof specialFunctions;

interface Machine {
  /** Products inside sums stay unrounded. */
  readonly fused: boolean;
  /** −1, 0 or 1: how much of the error WGSL allows division, exp and exp2 is made, and in which direction. */
  readonly fault: number;
}

type Lane = (variables: ReadonlyMap<string, number>) => number;

const f = Math.fround;
/** The unit in the last place of float32 at a value. */
const unit = (value: number): number => 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23);
/** WGSL 15.7.4.1: division may be off by 2.5 units in the last place, exp and exp2 by 3 + 2|x|. */
const off = (value: number, units: number, { fault }: Machine): number =>
  f(value === 0 || fault === 0 ? value : value + fault * units * unit(value));

function functionsOf(machine: Machine): Readonly<Record<string, (...values: number[]) => number>> {
  return {
    // WGSL lets min take either of a number and NaN: the hostile choice is the number.
    min: (a = 0, b = 0) => (Number.isNaN(a) ? b : Math.min(a, b)),
    abs: (a = 0) => Math.abs(a),
    exp: (a = 0) => off(Math.exp(a), 3 + 2 * Math.abs(a), machine),
    exp2: (a = 0) => off(2 ** a, 3 + 2 * Math.abs(a), machine),
    select: (no = 0, yes = 0, condition = 0) => (condition ? yes : no),
    "vec4<f32>": (a = 0) => a,
  };
}

/** Weakest first. */
const operators = [
  ["<", ">="],
  ["+", "-"],
  ["*", "/"],
] as const;

/** Compiles a function made of `let` and `return`, as far as WGSL is used here. Throws on what it does not know. */
function compile(source: string, machine: Machine): (x: number) => number {
  const functions = functionsOf(machine);
  const body = /\{([^}]*)\}/.exec(source)?.[1] ?? "";
  const statements = [...body.matchAll(/(?:let (\w+) =|return) ([^;]+);/g)].map(([, name, text = ""]) => ({
    name: name ?? "return",
    value: expression(text),
  }));
  return (x) => {
    const variables = new Map([["x", x]]);
    for (const { name, value } of statements) variables.set(name, value(variables));
    return variables.get("return") ?? Number.NaN;
  };

  function expression(text: string): Lane {
    const tokens = text.match(/vec4<\w+>|\d[\d.]*(?:e-?\d+)?f|\w+|>=|[-+*/<(),]/g) ?? [];
    if (tokens.join("") !== text.replaceAll(/\s/g, "")) throw new Error(`Not understood: ${text}`);
    let next = 0;
    const take = (): string => tokens[next++] ?? "";
    const at = (token: string): boolean => tokens[next] === token;
    const lane = binary(0).rounded;
    if (next !== tokens.length) throw new Error(`Not understood: ${tokens.slice(next).join(" ")}`);
    return lane;

    /** An operation's value as it is stored, and as a fused sum takes it. */
    function binary(level: number): { rounded: Lane; exact: Lane } {
      const known: readonly string[] | undefined = operators[level];
      if (known === undefined) return unary();
      let left = binary(level + 1);
      while (known.includes(tokens[next] ?? "")) {
        const operator = take();
        left = operation(operator, left, binary(level + 1));
      }
      return left;
    }

    function operation(operator: string, left: { rounded: Lane; exact: Lane }, right: typeof left): typeof left {
      const sums = operator === "+" || operator === "-";
      const a = left.rounded;
      // One product per sum is fused: the left one, or else the right one.
      const fuseLeft = sums && machine.fused && left.exact !== left.rounded;
      const fuseRight = sums && machine.fused && !fuseLeft;
      const p = fuseLeft ? left.exact : a;
      const q = fuseRight ? right.exact : right.rounded;
      const plain = (lane: Lane) => ({ rounded: lane, exact: lane });
      switch (operator) {
        case "+":
          return plain((v) => f(p(v) + q(v)));
        case "-":
          return plain((v) => f(p(v) - q(v)));
        case "*":
          return { rounded: (v) => f(a(v) * q(v)), exact: (v) => a(v) * q(v) };
        case "/":
          return plain((v) => off(f(a(v) / q(v)), 2.5, machine));
        case "<":
          return plain((v) => Number(a(v) < q(v)));
        default:
          return plain((v) => Number(a(v) >= q(v)));
      }
    }

    function unary(): { rounded: Lane; exact: Lane } {
      const token = take();
      if (token === "-") {
        const { rounded: inner } = unary();
        const lane: Lane = (v) => -inner(v);
        return { rounded: lane, exact: lane };
      }
      if (token === "(") {
        const inner = binary(0);
        take();
        return inner;
      }
      const lane = at("(") ? call(token) : atom(token);
      return { rounded: lane, exact: lane };
    }

    function call(name: string): Lane {
      const body = functions[name];
      if (body === undefined) throw new Error(`Unknown function: ${name}`);
      const values: Lane[] = [];
      do {
        next++;
        values.push(binary(0).rounded);
      } while (at(","));
      next++;
      return (v) => body(...values.map((value) => value(v)));
    }

    function atom(token: string): Lane {
      if (/^\d/.test(token)) {
        const number = f(Number(token.slice(0, -1)));
        return () => number;
      }
      return (v) => {
        const value = v.get(token);
        if (value === undefined) throw new Error(`Unknown variable: ${token}`);
        return value;
      };
    }
  }
}

/** Φ(−t) by the continued fraction of the Mills ratio, A&S 26.2.14, where 1 + erf would cancel. */
function lowerTail(t: number): number {
  if (t < 2.5) return (1 - erf(t / Math.SQRT2)) / 2;
  let fraction = t;
  for (let step = 100; step > 0; step--) fraction = t + step / fraction;
  return Math.exp((-t * t) / 2) / (Math.sqrt(2 * Math.PI) * fraction);
}

const truth: Readonly<Record<Name, (x: number) => number>> = {
  erf4: erf,
  gelu4: (x) => (x < 0 ? x * lowerTail(-x) : x - x * lowerTail(x)),
  tanh4: Math.tanh,
};

const smallestNormal = 2 ** -126;
/** The worst error over a sweep of results that are normal numbers: in units in the last place, and beside the argument. */
function worst(name: Name, compute: (x: number) => number, xs: Iterable<number>): Record<Measure, number> {
  let [units, besideArgument, relative] = [0, 0, 0];
  for (const x of xs) {
    const expected = truth[name](x);
    if (Math.abs(expected) < smallestNormal) continue;
    const error = Math.abs(compute(x) - expected);
    // Written so that NaN counts as wrong.
    if (!(error / unit(expected) <= units)) units = error / unit(expected);
    if (!(error / Math.abs(x) <= besideArgument)) besideArgument = error / Math.abs(x);
    if (!(error / Math.abs(expected) <= relative)) relative = error / Math.abs(expected);
  }
  return { units, besideArgument, relative };
}

type Measure = "units" | "besideArgument" | "relative";

/** Both signs: evenly spaced up to 14, and of every magnitude. */
function* sweep(count: number): Generator<number> {
  for (let index = 0; index < count; index++) {
    const even = f(((index + 0.5) / count) * 14);
    const magnitude = f(2 ** (-125 + (252 * index) / count));
    yield* [even, -even, magnitude, -magnitude];
  }
}

const names: readonly Name[] = ["erf4", "gelu4", "tanh4"];
const machines: readonly Machine[] = [false, true].flatMap((fused) => [-1, 0, 1].map((fault) => ({ fused, fault })));
const nearest: Machine = { fused: false, fault: 0 };

/** What special-functions.ts states, of the exact machine and of one that is off as far as WGSL allows. */
const bounds = {
  erf4: { measure: "units", exact: 1.3, allowed: 3.4 },
  gelu4: { measure: "besideArgument", exact: 1.1e-7, allowed: 3.4e-7 },
  tanh4: { measure: "units", exact: 1.4, allowed: 3.2 },
} as const;

for (const name of names) {
  const { measure, exact, allowed } = bounds[name];
  test.each(machines)(`${name} keeps to its bound: fused $fused, fault $fault`, (machine) => {
    const compute = compile(specialFunctions[name], machine);
    expect(worst(name, compute, sweep(25_000))[measure]).toBeLessThan(machine.fault === 0 ? exact : allowed);
  });
}

const largest = f(3.4028235e38);
const infinity = Number.POSITIVE_INFINITY;

/** Arguments and the exact results. */
const limits: Readonly<Record<Name, readonly (readonly [number, number])[]>> = {
  erf4: [0, 4, 5.5, 6, 7, 384, largest, infinity].flatMap((x) => [
    [x, Math.min(x, 1)],
    [-x, -Math.min(x, 1)],
  ]),
  gelu4: [0, 6, 7.5, 13.1875, 13.25, 14, 384, 65504, largest, infinity]
    .map((x) => [x, x] as const)
    .concat([13.25, 14, 384, 65504, largest, infinity].map((x) => [-x, 0])),
  tanh4: [0, 10, 44, 45, 89, 384, largest, infinity].flatMap((x) => [
    [x, Math.min(x, 1)],
    [-x, -Math.min(x, 1)],
  ]),
};

test.each(names)("%s keeps to its limits", (name) => {
  for (const machine of machines) {
    const compute = compile(specialFunctions[name], machine);
    // Adding 0 makes −0 into 0: the sign of a zero is not promised.
    expect(limits[name].map(([x]) => [x, compute(x) + 0])).toEqual(limits[name].map(([x, y]) => [x, y + 0]));
    expect(compute(Number.NaN)).toBeNaN();
  }
});

test.each(machines)("gelu4 keeps to its bounds relative to the result: fused $fused, fault $fault", (machine) => {
  const compute = compile(specialFunctions.gelu4, machine);
  const xs = [...sweep(25_000)];
  const isExact = machine.fault === 0;
  const positive = worst(
    "gelu4",
    compute,
    xs.filter((x) => x >= 0),
  );
  expect(positive.relative).toBeLessThan(isExact ? 1.7e-7 : 6.8e-7);
  const tail = worst(
    "gelu4",
    compute,
    xs.filter((x) => x < 0 && x > -6),
  );
  expect(tail.relative).toBeLessThan(isExact ? 4.4e-6 : 1.1e-5);
});

test("beyond −6, GELU falls to 0 without a jump", () => {
  const compute = compile(specialFunctions.gelu4, nearest);
  let before = compute(-6);
  for (let x = -6; x > -14; x -= 1 / 4096) {
    const here = compute(x);
    expect(here).toBeLessThanOrEqual(0);
    expect(here).toBeGreaterThanOrEqual(before * (1 + 1e-5) - smallestNormal);
    before = here;
  }
});

test.skipIf(softwareGpuMissing !== undefined).each(names)("%s on a device", async (name) => {
  const xs = Float32Array.from([...sweep(32_768), ...limits[name].map(([x]) => x), ...Array(16).fill(0)]);
  const input = xs.subarray(0, xs.length - (xs.length % 4));
  const output = await onDevice(name, input);

  const computed = new Map([...input].map((x, index) => [x, output[index] ?? Number.NaN]));
  const { measure, allowed } = bounds[name];
  const compute = (x: number): number => computed.get(x) ?? Number.NaN;
  // A device may take denormal numbers for 0, also where they arise on the way.
  const normal = [...sweep(32_768)].filter((x) => Math.abs(truth[name](x)) > 16 * smallestNormal);
  expect(worst(name, compute, normal)[measure]).toBeLessThan(allowed);
  expect(limits[name].map(([x]) => [x, compute(x) + 0])).toEqual(limits[name].map(([x, y]) => [x, y + 0]));
});

/** Runs a special function over values, a multiple of four of them. */
async function onDevice(name: Name, input: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const adapter = await (await loadDawn()).requestAdapter();
  const device = await adapter?.requestDevice();
  if (device === undefined) throw new Error("SwiftShader is installed, but Dawn found no adapter.");
  const code = `
@group(0) @binding(0) var<storage, read_write> values: array<vec4<f32>>;
${specialFunctions[name]}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < arrayLength(&values)) { values[id.x] = ${name}(values[id.x]); }
}`;
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }) },
  });
  const size = input.byteLength;
  const values = device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
  });
  const readable = device.createBuffer({
    size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(values, 0, input);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: values } }],
    }),
  );
  pass.dispatchWorkgroups(Math.ceil(size / 16 / 64));
  pass.end();
  encoder.copyBufferToBuffer(values, 0, readable, 0, size);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const output = new Float32Array(readable.getMappedRange().slice(0));
  device.destroy();
  return output;
}

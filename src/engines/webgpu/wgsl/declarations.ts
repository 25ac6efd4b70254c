/**
 * What a kernel declares beside its bindings, as data until its source is assembled: workgroup memory and functions.
 *
 * A generator asks for the name of everything it declares, because several kernels may become one source (a persistent
 * kernel): each function then has a unique name, and workgroup variables of one type share their memory, since the kernels
 * run one after another.
 */

/** A variable in workgroup memory. */
export interface WorkgroupVariable {
  readonly name: string;
  /** The variable's type, or that of an array's elements. */
  readonly element: "f32" | "u32" | "atomic<u32>" | "vec4<f32>" | "vec4<u32>";
  /** Elements of an array; absent for a single variable. */
  readonly count?: number;
  readonly comment?: string;
}

export const bytesOf = (variables: readonly WorkgroupVariable[]): number =>
  variables.reduce((sum, { element, count = 1 }) => sum + count * (element.startsWith("vec4") ? 16 : 4), 0);

/** Indents lines, some of which may be several. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => {
    if (line.includes("\n")) return line.replaceAll(/^(?=.)/gm, "  ");
    return line === "" ? line : `  ${line}`;
  });
}

const functionSource = (name: string, signature: string, body: readonly string[]): string =>
  [`fn ${name}${signature} {`, ...indent(body), "}"].join("\n");

export class Declarations {
  /** Sources by name. */
  readonly #helpers = new Map<string, string>();
  readonly #functions = new Map<string, string>();
  readonly #variables: WorkgroupVariable[] = [];
  readonly #shared: SharedMemory | undefined;
  readonly #suffix: string;

  /** @param stage for a stage of a persistent kernel: its index, and the memory that the stages share. */
  constructor(stage?: { readonly index: number; readonly memory: SharedMemory }) {
    this.#suffix = stage === undefined ? "" : `_${stage.index}`;
    this.#shared = stage?.memory;
    this.#shared?.begin();
  }

  /** Declares a variable. @returns its name in the source. */
  workgroup(variable: WorkgroupVariable): string {
    if (this.#shared) return this.#shared.place(variable);
    this.#variables.push(variable);
    return variable.name;
  }

  /** The name that a function of the kernel has in the source. */
  nameOf(name: string): string {
    return `${name}${this.#suffix}`;
  }

  /** Declares a function. @param signature parameters and result, as WGSL. @returns its name in the source. */
  function(name: string, signature: string, body: readonly string[]): string {
    const unique = this.nameOf(name);
    this.#functions.set(unique, functionSource(unique, signature, body));
    return unique;
  }

  /** Declares a function that others call, unless it is declared already. @returns its name in the source. */
  helper(name: string, signature: string, body: readonly string[]): string {
    const unique = this.nameOf(name);
    this.#helpers.set(unique, functionSource(unique, signature, body));
    return unique;
  }

  /** Adds the functions of a persistent kernel's stage. */
  include(stage: Declarations): void {
    for (const [name, source] of [...stage.#helpers, ...stage.#functions]) this.#functions.set(name, source);
  }

  /** Variables, helpers, then functions in the order of their declaration. */
  get lines(): string[] {
    return [...this.#variables.flatMap(variableLines), ...this.#helpers.values(), ...this.#functions.values()];
  }
}

function variableLines({ name, element, count, comment }: WorkgroupVariable): string[] {
  const type = count === undefined ? element : `array<${element}, ${count}>`;
  return [...(comment === undefined ? [] : [`// ${comment}`]), `var<workgroup> ${name}: ${type};`];
}

/** Workgroup memory of kernels that run one after another: the n-th variables of one element type share their place. */
export class SharedMemory {
  readonly #places = new Map<WorkgroupVariable["element"], (number | undefined)[]>();
  #used = new Map<string, number>();

  /** Starts the next kernel. */
  begin(): void {
    this.#used = new Map();
  }

  /** @returns the name of the place. */
  place({ element, count }: WorkgroupVariable): string {
    const index = this.#used.get(element) ?? 0;
    this.#used.set(element, index + 1);
    const counts = this.#places.get(element) ?? [];
    this.#places.set(element, counts);
    counts[index] = count === undefined ? undefined : Math.max(counts[index] ?? 0, count);
    return placeName(element, index);
  }

  get variables(): WorkgroupVariable[] {
    return [...this.#places].flatMap(([element, counts]) =>
      counts.map((count, index) => {
        return { name: placeName(element, index), element, ...(count !== undefined && { count }) };
      }),
    );
  }
}

const placeName = (element: string, index: number): string => `shared_${element.replaceAll(/\W+/g, "_")}_${index}`;

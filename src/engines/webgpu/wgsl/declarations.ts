/**
 * What a kernel declares beside its bindings, as data until its source is assembled: workgroup memory and functions.
 *
 * A generator asks for the name of everything it declares, because several kernels may become one source (a persistent
 * kernel): each function then has a name of its own, and workgroup variables of one type share their memory, since the
 * kernels run one after another.
 */

/** A variable in workgroup memory. */
export interface WorkgroupVariable {
  readonly name: string;
  /** Its type, or that of its elements if it is an array. */
  readonly element: "f32" | "u32" | "atomic<u32>" | "vec4<f32>" | "vec4<u32>";
  /** Elements of the array; absent: it is none. */
  readonly count?: number;
  readonly comment?: string;
}

/** A function, with the whole of its source. */
export interface WgslFunction {
  readonly name: string;
  readonly source: string;
}

export const bytesOf = (variables: readonly WorkgroupVariable[]): number =>
  variables.reduce((sum, { element, count = 1 }) => sum + count * (element.startsWith("vec4") ? 16 : 4), 0);

export class Declarations {
  readonly #helpers: WgslFunction[] = [];
  readonly #functions: WgslFunction[] = [];
  readonly #variables: WorkgroupVariable[] = [];
  readonly #shared: SharedMemory | undefined;
  readonly #suffix: string;

  /** @param stage of a persistent kernel that this is, and the memory that its stages share. */
  constructor(stage?: { readonly index: number; readonly memory: SharedMemory }) {
    this.#suffix = stage === undefined ? "" : `_${stage.index}`;
    this.#shared = stage?.memory;
    this.#shared?.begin();
  }

  /** Declares a variable. @returns the name that it has in the source. */
  workgroup(variable: WorkgroupVariable): string {
    if (this.#shared) return this.#shared.place(variable);
    this.#variables.push(variable);
    return variable.name;
  }

  /** The name that a function of the kernel has in the source. */
  nameOf(name: string): string {
    return `${name}${this.#suffix}`;
  }

  /** @param source of the function, under its `nameOf`. */
  function(name: string, source: string): void {
    this.#functions.push({ name: this.nameOf(name), source });
  }

  /** Declares a function that others call, unless it is declared already. @returns its name. */
  helper(name: string, source: (name: string) => string): string {
    const own = this.nameOf(name);
    if (!this.#helpers.some((declared) => declared.name === own))
      this.#helpers.push({ name: own, source: source(own) });
    return own;
  }

  /** Variables, helpers, then functions in the order of their declaration. */
  get lines(): string[] {
    const functions = [...this.#helpers, ...this.#functions].map(({ source }) => source);
    return [...this.#variables.flatMap(variableLines), ...functions];
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

  /** Another kernel follows. */
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
      counts.map((count, index) => ({
        name: placeName(element, index),
        element,
        ...(count !== undefined && { count }),
      })),
    );
  }

  get lines(): string[] {
    return this.variables.flatMap(variableLines);
  }
}

const placeName = (element: string, index: number): string => `shared_${element.replaceAll(/\W+/g, "_")}_${index}`;

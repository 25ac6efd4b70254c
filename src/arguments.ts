/**
 * Run-time checks of a caller's arguments.
 *
 * Must stay true: every invalid value gives an InputError that names the argument. Formatting the message runs none of
 * the caller's code; only reading an object's properties may.
 */
import { InputError } from "./errors.ts";

/** Describes a value for a message: `null`, `a list`, `"cosine"`, `7`, `a function`. */
export function describeArgument(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** Whether a value is an object, but neither null nor a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Checks an options object, including `signal` and `onProgress`, which most calls take.
 * @param names all known options.
 * @param what the object's name in errors.
 * @throws InputError if it is not an object, or has an unknown option.
 */
export function checkOptions(options: unknown, names: readonly string[], what = "the options"): void {
  if (!isRecord(options)) {
    throw new InputError({ found: `${what} are ${describeArgument(options)}`, expected: "an object" });
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new InputError({
      found: `there is no option ${describeArgument(unknown).slice(1, -1)}`,
      expected: `one of ${names.join(", ")}`,
    });
  }
  checkSignal(options["signal"]);
  checkFunction("onProgress", options["onProgress"]);
}

/** Duck-typed, because an AbortSignal may be from another realm. */
function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  const { aborted, addEventListener, throwIfAborted } = isRecord(signal) ? signal : {};
  if (typeof aborted === "boolean" && [addEventListener, throwIfAborted].every(isFunction)) return;
  throw new InputError({ found: `signal is ${describeArgument(signal)}`, expected: "an AbortSignal" });
}

/** @throws InputError unless the value is absent or one of the choices. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (value === undefined || choices.includes(value)) return;
  const expected = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected });
}

/** @throws InputError unless the value is absent or a string. */
export function checkString(name: string, value: unknown): void {
  if (value === undefined || typeof value === "string") return;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected: "a string" });
}

/** @throws InputError unless the value is absent or a function. */
export function checkFunction(name: string, value: unknown): void {
  if (value === undefined || isFunction(value)) return;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected: "a function" });
}

const isFunction = (value: unknown): boolean => typeof value === "function";

/** Types of fields, worded for errors. */
const kinds = {
  "a string": (value: unknown) => typeof value === "string",
  "true or false": (value: unknown) => typeof value === "boolean",
  "a list": Array.isArray,
  "an object": isRecord,
  "a function": isFunction,
  "a tensor: an object with dtype, shape and data": (value: unknown) =>
    isRecord(value) &&
    typeof value["dtype"] === "string" &&
    Array.isArray(value["shape"]) &&
    ArrayBuffer.isView(value["data"]),
} as const;

/**
 * Checks the fields of an object, in the order of `fields`; a dot separates nested names.
 * @param what the object's name in errors.
 * @throws InputError if it is not an object, or a field is missing or of the wrong type.
 */
export function checkFields(value: unknown, what: string, fields: Readonly<Record<string, keyof typeof kinds>>): void {
  if (!isRecord(value)) throw new InputError({ found: `${what} is ${describeArgument(value)}`, expected: "an object" });
  for (const [path, kind] of Object.entries(fields)) {
    const field = path.split(".").reduce<unknown>((outer, name) => (isRecord(outer) ? outer[name] : undefined), value);
    if (kinds[kind](field)) continue;
    throw new InputError({ found: `${path} of ${what} is ${describeArgument(field)}`, expected: kind });
  }
}

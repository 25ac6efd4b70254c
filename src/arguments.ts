/**
 * Checks of what a program passes to the library: in JavaScript anything can be passed anywhere.
 *
 * Must stay true: whatever is passed, the error is an InputError that names the argument. Making its message runs none of
 * the caller's code; only reading an object's properties may.
 */
import { InputError } from "./errors.ts";

/** A value in a message: `null`, `a list`, `"cosine"`, `7`, `a function`. */
export function describeArgument(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** Whether a value is an object with properties to read: not null, not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Checks an object of options, and `signal` and `onProgress` in it, which most calls take.
 * @param names every option there is.
 * @param what names the object in errors.
 * @throws InputError if it is no object, or has an option that is not among them.
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

/** @throws InputError unless it is absent or an AbortSignal; by what it can do, since it may be of another realm. */
function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  const { aborted, addEventListener, throwIfAborted } = isRecord(signal) ? signal : {};
  if (typeof aborted === "boolean" && [addEventListener, throwIfAborted].every(isFunction)) return;
  throw new InputError({ found: `signal is ${describeArgument(signal)}`, expected: "an AbortSignal" });
}

/** @throws InputError unless it is absent or one of the choices. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (value === undefined || choices.includes(value)) return;
  const expected = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected });
}

/** @throws InputError unless it is absent or a string. */
export function checkString(name: string, value: unknown): void {
  if (value === undefined || typeof value === "string") return;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected: "a string" });
}

/** @throws InputError unless it is absent or a function. */
export function checkFunction(name: string, value: unknown): void {
  if (value === undefined || isFunction(value)) return;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected: "a function" });
}

const isFunction = (value: unknown): boolean => typeof value === "function";

/** What a field may have to be, in the words of an error. */
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
 * Checks an object of arguments field by field, in the order of `fields`; a dot leads into a field's own fields.
 * @param what names the object in errors.
 * @throws InputError if it is no object, or a field is missing or of another kind.
 */
export function checkFields(value: unknown, what: string, fields: Readonly<Record<string, keyof typeof kinds>>): void {
  if (!isRecord(value)) throw new InputError({ found: `${what} is ${describeArgument(value)}`, expected: "an object" });
  for (const [path, kind] of Object.entries(fields)) {
    const field = path.split(".").reduce<unknown>((outer, name) => (isRecord(outer) ? outer[name] : undefined), value);
    if (kinds[kind](field)) continue;
    throw new InputError({ found: `${path} of ${what} is ${describeArgument(field)}`, expected: kind });
  }
}

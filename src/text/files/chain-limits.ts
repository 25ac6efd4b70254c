/**
 * Limits on the components that a tokenizer.json puts one after another. A few hundred bytes could otherwise say that every
 * character becomes two, forty times over, or that a text is read a hundred thousand times.
 *
 * Must stay true: every known tokenizer is far below; called before any component is read.
 */
import { isRecord } from "../../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError } from "../../errors.ts";
import type { Place } from "./validate.ts";

/** The most known are nine. */
const MAX_COMPONENTS = 64;
/** How many characters one may become. */
const MAX_GROWTH = 1_000;
/** What a byte-level component may make of a UTF-16 code unit. */
const BYTES = 3;
const LISTS = ["normalizers", "pretokenizers", "processors"];

/**
 * @param component as it stands in the file, not checked yet.
 * @throws CheckpointError if it has too many members, or makes a text too long.
 */
export function checkChain(component: unknown, { name, path }: Place): void {
  const { count, growth } = measure(component);
  const refusal = (found: string, expected: string) =>
    new CheckpointError({ found: `${name}: ${path} ${found}`, expected, advice: CHECK_FILE_KIND });
  if (count > MAX_COMPONENTS) throw refusal(`has ${count} components`, `at most ${MAX_COMPONENTS}`);
  if (growth > MAX_GROWTH) {
    throw refusal("makes more than a thousand characters of one", "components that keep a text's length, or nearly");
  }
}

interface Chain {
  readonly count: number;
  readonly growth: number;
}

/** Recursive: `checkJsonSize` bounds the depth. */
function measure(component: unknown): Chain {
  if (!isRecord(component)) return { count: 1, growth: 1 };
  const members = LISTS.flatMap((key) => (Array.isArray(component[key]) ? component[key] : []));
  return members
    .map(measure)
    .reduce((whole, member) => ({ count: whole.count + member.count, growth: whole.growth * member.growth }), {
      count: 1,
      growth: growthOf(component),
    });
}

function growthOf({ type, content }: Readonly<Record<string, unknown>>): number {
  if (type === "ByteLevel") return BYTES;
  // A pattern may match a single character, or nothing before and after it.
  return type === "Replace" && typeof content === "string" ? Math.max(1, content.length) : 1;
}

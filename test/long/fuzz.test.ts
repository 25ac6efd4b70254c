/** Ten thousand mutated files of every kind that is read. */
import { testKinds } from "../fuzz/harness.ts";
import { kinds } from "../fuzz/kinds.ts";

testKinds(kinds, 10_000);

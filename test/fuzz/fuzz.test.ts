/** Some hundred mutated files of every kind; `npm run test:long` reads ten thousand of each (`test/long/fuzz.test.ts`). */
import { testKinds } from "./harness.ts";
import { kinds } from "./kinds.ts";

testKinds(kinds, 400);

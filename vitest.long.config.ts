/** `npm run test:long`: tests of minutes, which print figures. Everything but which files and how long is as for `npm test`. */
import { configDefaults, defineConfig } from "vitest/config";
import { whole } from "./vitest.config.ts";

export default defineConfig({
  ...whole,
  test: {
    ...whole.test,
    name: "long",
    include: ["test/long/**/*.test.ts"],
    exclude: configDefaults.exclude,
    maxWorkers: "100%",
    testTimeout: 1_800_000,
    teardownTimeout: 60_000,
  },
});

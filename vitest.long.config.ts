/** `npm run test:long`: tests of minutes, which print figures. Everything but which files and how long is as for `npm test`. */
import { configDefaults, defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ["test/long/**/*.test.ts"],
    exclude: configDefaults.exclude,
    testTimeout: 1_800_000,
  },
});

/**
 * Two projects: `unit`, which finishes in seconds, and `whole`, everything else. CONTRIBUTING.md says which test is which.
 */
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

const pathTo = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Beside the code, but neither fast nor alone: they need a GPU, or they take or measure seconds. */
const slow = "src/**/*.slow.test.ts";

/** What both projects have, and the long tests (vitest.long.config.ts). */
export const shared: TestProjectInlineConfiguration = {
  resolve: {
    alias: {
      "#find-model": pathTo("src/platform/node/find-model.ts"),
      "#platform": pathTo("src/platform/node.ts"),
    },
  },
  test: {
    // Whatever is thrown at the parsers must do with little memory.
    execArgv: ["--max-old-space-size=256"],
    // Nobody's own tiles (src/engines/webgpu/tune/node/tile-cache.ts), and no test's for another.
    env: { XDG_CACHE_HOME: pathTo("node_modules/.cache/no-cache") },
    // Far more than anything takes on a machine that is ten times slower: what these end hangs.
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
};

const unit: TestProjectInlineConfiguration = {
  ...shared,
  test: {
    ...shared.test,
    name: "unit",
    include: ["src/**/*.test.ts"],
    exclude: [...configDefaults.exclude, slow],
    // Starting a process and loading the sources into it takes longer than most of these files.
    isolate: false,
    // No GPU is set up for these tests, and they must not find the machine's own.
    env: { ...shared.test?.env, VK_DRIVER_FILES: "none", VK_ICD_FILENAMES: "none" },
    sequence: { groupOrder: 0 },
  },
};

/** For tests that may need the software GPU or run the package as it is built. */
export const whole: TestProjectInlineConfiguration = {
  ...shared,
  test: {
    ...shared.test,
    name: "whole",
    include: ["test/**/*.test.ts", slow],
    exclude: [...configDefaults.exclude, "test/long/**"],
    globalSetup: ["test/support/build.ts", "test/support/software-gpu.ts"],
    setupFiles: ["test/support/unhurried-dawn.mjs"],
    // After the unit tests: what fails fast fails first.
    sequence: { groupOrder: 1 },
  },
};

export default defineConfig({
  test: {
    projects: [unit, whole],
    // Vitest would leave one idle, of two.
    maxWorkers: "100%",
    teardownTimeout: 60_000,
  },
});

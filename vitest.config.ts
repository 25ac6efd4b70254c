import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "#platform": fileURLToPath(new URL("src/platform/node.ts", import.meta.url)) } },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/long/**"],
    // Whatever is thrown at the parsers must do with little memory.
    execArgv: ["--max-old-space-size=256"],
    globalSetup: ["test/support/build.ts", "test/support/software-gpu.ts"],
    setupFiles: ["test/support/unhurried-dawn.mjs"],
    // Nobody's own tiles (src/engines/webgpu/tune/node/tile-cache.ts), and no test's for another.
    env: { XDG_CACHE_HOME: fileURLToPath(new URL("node_modules/.cache/no-cache", import.meta.url)) },
    // Vitest would leave one idle, of two.
    maxWorkers: "100%",
    // Far more than anything takes on a machine that is ten times slower: what these end hangs.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    teardownTimeout: 60_000,
  },
});

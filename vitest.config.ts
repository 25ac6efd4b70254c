import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "#platform": fileURLToPath(new URL("src/platform/node.ts", import.meta.url)) } },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // Whatever is thrown at the parsers must do with little memory.
    execArgv: ["--max-old-space-size=256"],
    globalSetup: ["test/support/build.ts", "test/support/software-gpu.ts"],
    setupFiles: ["test/support/unhurried-dawn.mjs"],
    // Vitest would leave one idle, of two.
    maxWorkers: "100%",
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});

/** Loaded into a measured process with `--import`: prints its peak memory in bytes on standard error when it exits. */
import { writeSync } from "node:fs";

process.on("exit", () => {
  writeSync(2, String(process.resourceUsage().maxRSS * 1024));
});

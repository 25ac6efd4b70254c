/** Warnings about a model, on standard error, each once. */
const told = new Set<string>();

export function tellWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) {
    if (told.has(warning)) continue;
    told.add(warning);
    process.stderr.write(`fusebert: warning: ${warning}.\n`);
  }
}

/**
 * The machine and date of a benchmark: the first line of every report.
 */
import { arch, cpus, platform } from "node:os";

export function machineLine(): string {
  const [cpu] = cpus();
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, Node ${process.version}, ${platform()} ${arch()}, ${cpus().length} × ${cpu?.model}`;
}

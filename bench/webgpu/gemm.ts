/**
 * Compares the four matmuls of a layer in the forward pass, with fused operations, with the same matmuls alone, by fusebert's
 * kernel and by PyTorch.
 */

import { medianOf } from "../../src/format/median.ts";
import type { Report } from "../report.ts";
import { kernelTimer, passOverheadUs, type TimedKernel } from "./kernel-times.ts";
import { peak, percent } from "./roofline.ts";
import type { Section } from "./section.ts";
import { nameOfWork, type Setup, type Work } from "./setup.ts";
import { type MatmulSize, matmulFlops, standaloneMatmuls } from "./standalone-matmul.ts";
import { type MatmulRow, runTorch } from "./torch.ts";

interface SizeRow extends MatmulSize {
  readonly work: Work;
  readonly aloneUs: number;
  /** In the forward pass, without the overhead of a compute pass. */
  readonly forwardUs: number;
}

export const gemm: Section<SizeRow> = {
  name: "gemm",
  title: "Matmuls alone and in the forward pass",

  async measure(setup, _side, emit) {
    const overheadUs = await passOverheadUs(setup);
    const timesOf = await kernelTimer(setup);
    const aloneUs = await standaloneMatmuls(setup);
    for (const work of worksOf(setup)) {
      const kernels = await timesOf(work);
      for (const size of sizesOf(setup, work)) {
        const forwardUs = forwardTime(kernels, size) - overheadUs;
        emit({ work, ...size, aloneUs: await aloneUs(size), forwardUs });
      }
    }
  },

  async write(report, setup, run) {
    report.line(
      `TFLOP/s, counting matmuls only, ${setup.half}, trusted kernels; the peak is ${peak.flops / 1e12}. Alone: repeated dispatches of the engine's kernel for the matmul. Forward pass: with biases, GELU and residuals, each kernel in its own compute pass, less the overhead of a pass; for few tokens the last matmul is split-K there, which it cannot be alone. PyTorch: the same matmul in float16, repeated in a CUDA graph. Target at ${nameOfWork(setup.largest)}: all four together reach at least 85 % of their rate alone.`,
    );
    const { rows, failure } = await run("");
    const torch = await runTorch<MatmulRow>("matmul", setup, {
      sizes: worksOf(setup).flatMap((work) => sizesOf(setup, work)),
    });
    report.tableHead(["batch", "M × K × N", "alone", "forward pass", "forward pass / alone", "PyTorch"]);
    for (const work of worksOf(setup)) writeWork(report, work, rows, torch.rows);
    if (failure !== undefined) report.row([failure]);
    if (torch.failure !== undefined) report.row(["PyTorch", torch.failure]);
  },
};

const worksOf = ({ works }: Setup): readonly Work[] => works.slice(1);

/** Query, key and value as one matmul; the attention output; the two of the feed-forward. */
function sizesOf({ config: { hiddenSize, intermediateSize } }: Setup, [batch, sequence]: Work): MatmulSize[] {
  const m = batch * sequence;
  return [
    { m, k: hiddenSize, n: 3 * hiddenSize },
    { m, k: hiddenSize, n: hiddenSize },
    { m, k: hiddenSize, n: intermediateSize },
    { m, k: intermediateSize, n: hiddenSize },
  ];
}

/** Median time of the kernels whose matmul has this size. */
function forwardTime(kernels: readonly TimedKernel[], { n, k }: MatmulSize): number {
  const matching = kernels.filter(({ lowered: { plans } }) => {
    const [{ kernel }] = plans;
    if (kernel.template.kind !== "matmul") return false;
    const { operation, shape } = kernel.template.matmul;
    return operation.kind === "matmul" && shape.at(-1) === n && operation.left.shape.at(-1) === k;
  });
  return medianOf(matching.map(({ us }) => us));
}

function writeWork(report: Report, work: Work, all: readonly SizeRow[], torch: readonly MatmulRow[]): void {
  const rows = all.filter((row) => row.work.join() === work.join());
  const total = { flops: 0, aloneUs: 0, forwardUs: 0, torchUs: 0 };
  for (const row of rows) {
    const { m, n, k, aloneUs, forwardUs } = row;
    const theirs = torch.find((other) => other.m === m && other.n === n && other.k === k);
    const flops = matmulFlops(row);
    total.flops += flops;
    total.aloneUs += aloneUs;
    total.forwardUs += forwardUs;
    total.torchUs += theirs?.us ?? Number.NaN;
    writeRates(report, [nameOfWork(work), `${m} × ${k} × ${n}`], {
      flops,
      aloneUs,
      forwardUs,
      torchUs: theirs?.us ?? Number.NaN,
    });
  }
  if (rows.length > 0) writeRates(report, [nameOfWork(work), "all four"], total);
}

interface Rates {
  readonly flops: number;
  readonly aloneUs: number;
  readonly forwardUs: number;
  /** NaN if not measured. */
  readonly torchUs: number;
}

function writeRates(report: Report, names: readonly string[], { flops, aloneUs, forwardUs, torchUs }: Rates): void {
  const rate = (us: number): string => (Number.isFinite(us) ? (flops / us / 1e6).toFixed(1) : "");
  report.row([...names, rate(aloneUs), rate(forwardUs), percent(aloneUs / forwardUs), rate(torchUs)]);
}

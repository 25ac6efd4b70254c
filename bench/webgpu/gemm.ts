/**
 * How close the matmuls of the forward come to the same matmuls alone: the four of a layer, by fusebert's kernel alone, inside
 * the forward with what is fused to it, and by PyTorch.
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
  /** Alone. */
  readonly aloneUs: number;
  /** In the forward, less what a pass takes. */
  readonly forwardUs: number;
}

export const gemm: Section<SizeRow> = {
  name: "gemm",
  title: "Matmuls alone and in the forward",

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
      `TFLOP/s of the products alone, ${setup.half}, trusted kernels; the peak is ${peak.flops / 1e12}. Alone: the engine's kernel for the one matmul, dispatched over and over. In the forward: with biases, GELU and residuals, timed in a pass of its own, less what a pass takes; of few tokens the last product comes in shares there, which it cannot alone. PyTorch: the same product in float16, over and over in a CUDA graph. At ${nameOfWork(setup.largest)} all four together are to have at least 85 % of the rate they have alone.`,
    );
    const { rows, failure } = await run("");
    const torch = await runTorch<MatmulRow>("matmul", setup, {
      sizes: worksOf(setup).flatMap((work) => sizesOf(setup, work)),
    });
    report.tableHead(["batch", "rows × inner × columns", "alone", "in the forward", "forward / alone", "PyTorch"]);
    for (const work of worksOf(setup)) writeWork(report, work, rows, torch.rows);
    if (failure !== undefined) report.row([failure]);
    if (torch.failure !== undefined) report.row(["PyTorch", torch.failure]);
  },
};

const worksOf = ({ works }: Setup): readonly Work[] => works.slice(1);

/** Query, key and value together; attention's output; the two of the feed-forward. */
function sizesOf({ config: { hiddenSize, intermediateSize } }: Setup, [batch, sequence]: Work): MatmulSize[] {
  const rows = batch * sequence;
  return [
    { rows, inner: hiddenSize, columns: 3 * hiddenSize },
    { rows, inner: hiddenSize, columns: hiddenSize },
    { rows, inner: hiddenSize, columns: intermediateSize },
    { rows, inner: intermediateSize, columns: hiddenSize },
  ];
}

/** Of the kernel of a layer whose matmul has this size. */
function forwardTime(kernels: readonly TimedKernel[], { inner, columns }: MatmulSize): number {
  const own = kernels.filter(({ lowered: { plans } }) => {
    const [{ kernel }] = plans;
    if (kernel.template.kind !== "matmul") return false;
    const { operation, shape } = kernel.template.matmul;
    return operation.kind === "matmul" && shape.at(-1) === columns && operation.left.shape.at(-1) === inner;
  });
  return medianOf(own.map(({ us }) => us));
}

function writeWork(report: Report, work: Work, all: readonly SizeRow[], torch: readonly MatmulRow[]): void {
  const rows = all.filter((row) => row.work.join() === work.join());
  const total = { flops: 0, aloneUs: 0, forwardUs: 0, torchUs: 0 };
  for (const row of rows) {
    const { rows: count, inner, columns, aloneUs, forwardUs } = row;
    const theirs = torch.find((other) => other.rows === count && other.inner === inner && other.columns === columns);
    const flops = matmulFlops(row);
    total.flops += flops;
    total.aloneUs += aloneUs;
    total.forwardUs += forwardUs;
    total.torchUs += theirs?.us ?? Number.NaN;
    writeRates(report, [nameOfWork(work), `${count} × ${inner} × ${columns}`], {
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
  /** NaN where there is none. */
  readonly torchUs: number;
}

function writeRates(report: Report, names: readonly string[], { flops, aloneUs, forwardUs, torchUs }: Rates): void {
  const rate = (us: number): string => (Number.isFinite(us) ? (flops / us / 1e6).toFixed(1) : "");
  report.row([...names, rate(aloneUs), rate(forwardUs), percent(aloneUs / forwardUs), rate(torchUs)]);
}

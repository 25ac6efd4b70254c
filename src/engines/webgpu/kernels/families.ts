/** The kernel families. The first that accepts a kernel emits it; a new family is registered here. */
import { registerAttention } from "./attention/register-attention.ts";
import { tensorAttention } from "./attention/tensor-attention.ts";
import { elementwise } from "./elementwise/elementwise.ts";
import type { KernelFamily } from "./family.ts";
import { gemv } from "./matmul/gemv.ts";
import { registerMatmul } from "./matmul/register-family.ts";
import { tensorMatmul } from "./matmul/tensor-family.ts";
import { rowReduction } from "./row-reduction/row-reduction.ts";

export const families: readonly KernelFamily[] = [
  gemv,
  tensorMatmul,
  registerMatmul,
  tensorAttention,
  registerAttention,
  rowReduction,
  elementwise,
];

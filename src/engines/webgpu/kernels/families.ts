/**
 * The kernel families. A kernel is computed by the first that accepts it; adding a family is adding it here.
 */
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

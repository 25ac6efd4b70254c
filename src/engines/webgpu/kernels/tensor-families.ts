/** The kernels for tensor cores, which no stable browser has: imported where a device does (`families.ts`). */
import { tensorAttention } from "./attention/tensor-attention.ts";
import { tensorMatmul } from "./matmul/tensor-family.ts";
import { tensorSizeClasses } from "./matmul/tensor-tiles.ts";

export { tensorAttention as attention, tensorMatmul as matmul, tensorSizeClasses as sizeClasses };

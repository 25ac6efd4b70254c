/**
 * What a GPU is told apart by: the names that its adapter gives itself.
 */

/** What a GPU says of itself and its driver. */
export interface GpuIdentity {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

/** The four names alone, of something that has them, such as a `GPUAdapterInfo`. */
export const identityOf = ({ vendor, architecture, device, description }: GpuIdentity): GpuIdentity => ({
  vendor,
  architecture,
  device,
  description,
});

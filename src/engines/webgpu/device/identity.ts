/** A GPU's identity: the names of GPU and driver that its adapter reports. */
export interface GpuIdentity {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

/** Picks the four names, for example of a `GPUAdapterInfo`. */
export const identityOf = ({ vendor, architecture, device, description }: GpuIdentity): GpuIdentity => ({
  vendor,
  architecture,
  device,
  description,
});

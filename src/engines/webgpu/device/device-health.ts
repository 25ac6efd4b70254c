/**
 * Whether a device can still be trusted, and what waits for it.
 *
 * A device fails when it is lost, or when it reports an error that nobody captured: what it holds is unknown from then on,
 * and commands that refer to an invalid object give zeros instead of an error. Either way it is given up, and everything
 * that waits for it hears why. Promises of a lost device may also never settle, so none is awaited but through `guard`.
 *
 * Must stay true: nothing that is guarded outlives the device, and nothing of ours is kept by a device that is lost.
 */
import { EngineError } from "../../../errors.ts";

/** The device failed in the middle of something. The next run starts on a new one. */
export class DeviceLostError extends EngineError {}

/** How long a loss may take to be announced after the first promise fails of it. */
const announcementMs = 200;

export class DeviceHealth {
  readonly #device: GPUDevice;
  readonly #waiting = new Set<(reason: unknown) => void>();
  readonly #announced: Promise<void>;
  #failure: DeviceLostError | undefined;
  #isDestroyed = false;

  constructor(device: GPUDevice) {
    this.#device = device;
    const onError = (event: GPUUncapturedErrorEvent): void => {
      event.preventDefault();
      this.#fail(`the GPU reported an error: ${firstLine(event.error.message)}`, event.error);
      // Not from within the event: Dawn holds a lock while it calls.
      setTimeout(() => device.destroy());
    };
    device.addEventListener("uncapturederror", onError);
    this.#announced = device.lost.then(({ reason, message }) => {
      // Dawn in Node keeps the object of a lost device, and with it its listeners and whatever they refer to.
      device.removeEventListener("uncapturederror", onError);
      const why = firstLine(message) || reason || "the driver does not say why";
      this.#fail(this.#isDestroyed ? "the GPU device was given back" : `the GPU device was lost: ${why}`);
    });
  }

  /** Why the device is of no use any more; `undefined` while it is. */
  get failure(): DeviceLostError | undefined {
    return this.#failure;
  }

  /** Settles as the promise does, but rejects as soon as the device fails. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure);
      else this.#waiting.add(reject);
      promise
        .catch(async (cause: unknown) => {
          throw (await this.#awaitFailure()) ?? cause;
        })
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#fail("the GPU device was given back");
    this.#device.destroy();
  }

  #fail(found: string, cause?: unknown): void {
    if (this.#failure) return;
    this.#failure = new DeviceLostError({
      found,
      expected: "a device that works until it is given back",
      advice: "The next run sets up a new device and brings the weights over again; --device cpu does without one.",
      cause,
    });
    for (const reject of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
  }

  /** A promise may fail of a loss a little before the loss itself is announced. */
  async #awaitFailure(): Promise<DeviceLostError | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, announcementMs);
    });
    await Promise.race([this.#announced, patience]);
    clearTimeout(timer);
    return this.#failure;
  }
}

export function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? "";
}

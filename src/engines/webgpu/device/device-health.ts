/**
 * The health of a device, and the promises that wait for it.
 *
 * A device fails when it is lost, or when it reports an uncaptured error: its state is unknown then, and commands that refer
 * to an invalid object give zeros instead of an error. A failed device is destroyed, and pending promises reject with the
 * reason. Promises of a lost device may never settle, so all are awaited through `guard`.
 *
 * Must stay true: no guarded promise outlives the device, and a lost device keeps no reference to the engine's objects.
 */
import { EngineError } from "../../../errors.ts";

/** The device failed during an operation. The next run opens a new one. */
export class DeviceLostError extends EngineError {}

/** Max delay of a loss's announcement after the first promise that fails because of it. */
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
      // Dawn in Node keeps the object of a lost device alive, and with it its listeners and what they refer to.
      device.removeEventListener("uncapturederror", onError);
      const why = firstLine(message) || reason || "the driver does not say why";
      this.#fail(this.#isDestroyed ? "the GPU device was given back" : `the GPU device was lost: ${why}`);
    });
  }

  /** Why the device failed; `undefined` while it works. */
  get failure(): DeviceLostError | undefined {
    return this.#failure;
  }

  /** Settles like the promise, but rejects as soon as the device fails. */
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

  /** A promise may fail shortly before the loss that causes it is announced. */
  async #awaitFailure(): Promise<DeviceLostError | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, announcementMs);
    });
    await Promise.race([this.#announced, timeout]);
    clearTimeout(timer);
    return this.#failure;
  }
}

export function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? "";
}

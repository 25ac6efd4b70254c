/**
 * Two settings that let Dawn in Node run the software GPU in a quarter of the time. Every test file begins with them
 * (vitest.config.ts), and a command can be started with them (`node --import`). What kernels compute is the same.
 *
 * While Dawn waits for a GPU it asks in every turn of the event loop whether it is done, which takes a whole core, one that
 * the software GPU computes on: here it asks once a millisecond.
 *
 * Dawn has a driver clear workgroup memory, where drivers can (VK_KHR_zero_initialize_workgroup_memory). SwiftShader does so
 * with an instruction for each element of it and each lane, which makes most of the code that it compiles: here the kernel
 * clears it in a loop, as it does for drivers that cannot.
 *
 * Must stay true: nobody else is slowed down. What Dawn passes to the global `setImmediate` is known by being native code
 * without a name, as a bound function is not.
 */
import { basename } from "node:path";

const isDawns = (callback) =>
  typeof callback === "function" && callback.name === "" && /\{ \[native code\] \}$/.test(String(callback));

globalThis.setImmediate = new Proxy(globalThis.setImmediate, {
  apply: (immediately, self, args) => {
    const [callback] = args;
    return isDawns(callback) ? setTimeout(callback, 1) : Reflect.apply(immediately, self, args);
  },
});

const disabled = "disable-dawn-features=";
const clearedByDriver = "use_vulkan_zero_initialize_workgroup_memory_extension";

/** Dawn takes the last of several lists of features, so its own is made longer. */
function withoutClearingByDriver(options = []) {
  const listed = options.find((option) => option.startsWith(disabled));
  const others = options.filter((option) => option !== listed);
  return [...others, listed === undefined ? `${disabled}${clearedByDriver}` : `${listed},${clearedByDriver}`];
}

process.dlopen = new Proxy(process.dlopen, {
  apply: (open, self, args) => {
    Reflect.apply(open, self, args);
    const [module, path] = args;
    if (basename(path) !== "dawn.node") return;
    const { create } = module.exports;
    module.exports = { ...module.exports, create: (options) => create(withoutClearingByDriver(options)) };
  },
});

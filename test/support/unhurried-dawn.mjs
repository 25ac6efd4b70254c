/**
 * Dawn in Node asks the GPU in every turn of the event loop whether it is done, which takes a whole core for as long as it
 * waits. The software GPU computes on those cores: with this it is asked once a millisecond, and takes less than half the
 * time. Every test file begins with it (vitest.config.ts), and a command can be started with it (`node --import`).
 *
 * Must stay true: nobody else is slowed down. What Dawn passes to the global `setImmediate` is known by being native code
 * without a name, as a bound function is not.
 */
const isDawns = (callback) =>
  typeof callback === "function" && callback.name === "" && /\{ \[native code\] \}$/.test(String(callback));

globalThis.setImmediate = new Proxy(globalThis.setImmediate, {
  apply: (immediately, self, args) => {
    const [callback] = args;
    return isDawns(callback) ? setTimeout(callback, 1) : Reflect.apply(immediately, self, args);
  },
});

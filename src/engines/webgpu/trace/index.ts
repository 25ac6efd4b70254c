/**
 * `fusebert/trace`: traces of the device `webgpu` for chrome://tracing and Perfetto (docs/tracing.md).
 *
 * @example
 * ```ts
 * const trace = new TraceRecorder();
 * const answerer = await QuestionAnswerer.load(undefined, { device: "webgpu", gpu: { onTrace: trace.onTrace } });
 * await answerer.answer({ question, context });
 * await writeFile("trace.json", trace.toJson());
 * ```
 */
export type { HostPhase, HostSpan, KernelTime, OnTrace, RunTrace } from "../run/run-recording.ts";
export { TraceRecorder } from "./trace-recorder.ts";

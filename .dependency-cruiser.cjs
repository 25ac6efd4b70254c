/**
 * The direction of imports: the folders of src/ in the order of the story, each may know only itself and those before it.
 * `docs/architecture.md` says why.
 */
const folders = [
  "format",
  "files",
  "tensor",
  "text",
  "checkpoint",
  "program",
  "rewrites",
  "architectures",
  "schedule",
  "engines",
  "answer",
  "evaluate",
  "verify",
  "platform",
  "export",
  "cli",
];

/** The same within an engine and within the verification. */
const webgpu = ["device", "wgsl", "kernels", "plan", "run", "explain", "trace", "tune"];
const verification = ["layer", "report", "candidate", "compare", "diagnose", "html", "node"];

/** Files that stand directly in src/. */
const leaves = "^src/(abortable|arguments|errors|version)\\.ts$";

/** Tests and what helps them stand beside the code, and may use everything. */
const tests = "\\.test\\.ts$|/testing(\\.ts$|/)";

const direction = folders.map((folder, index) => ({
  name: `${folder} knows only itself and what comes before it`,
  severity: "error",
  from: { path: `^src/${folder}/`, pathNot: tests },
  to: {
    path: "^src/",
    pathNot: [
      leaves,
      ...folders.slice(0, index + 1).map((known) => `^src/${known}/`),
      ...(folder === "cli" ? ["^src/(question-answerer|loaded-model)\\.ts$"] : []),
    ],
  },
}));

/** Of the folders within `parent`, each may know only itself and those before it. */
const within = (parent, steps) =>
  steps.map((step, index) => ({
    name: `${parent}/${step} knows nothing of what comes after it`,
    severity: "error",
    from: { path: `^src/${parent}/${step}/`, pathNot: tests },
    to: { path: [`^src/${parent}/[^/]+\\.ts$`, ...steps.slice(index + 1).map((later) => `^src/${parent}/${later}/`)] },
  }));

/** What the design forbids although the order would allow it. */
const strangers = [
  ["text", "tensor"],
  ["checkpoint", "text"],
  ["engines", "text"],
  ["answer", "engines"],
  ["answer", "checkpoint"],
  ["answer", "program"],
  ["evaluate", "engines"],
  ["evaluate", "program"],
  ["verify", "evaluate"],
  ["export", "text"],
  ["export", "answer"],
  ["verify", "text"],
  ["verify", "answer"],
];

/** Where Node's own modules may be used; everything else also runs in a browser. */
const nodeOnly = [
  "^src/cli/",
  "^src/files/",
  "^src/platform/node(/|\\.ts$)",
  "^src/checkpoint/node/",
  "^src/checkpoint/hub/",
  "^src/evaluate/node/",
  "^src/engines/webgpu/tune/node/",
  "^src/verify/node/",
];

module.exports = {
  forbidden: [
    { name: "no cycles", severity: "error", from: {}, to: { circular: true } },
    ...direction,
    ...within("engines/webgpu", webgpu),
    ...within("verify", verification),
    ...strangers.map(([from, to]) => ({
      name: `${from} knows nothing of ${to}`,
      severity: "error",
      from: { path: `^src/${from}/`, pathNot: tests },
      to: { path: `^src/${to}/` },
    })),
    {
      name: "what runs in a browser uses nothing of Node's",
      severity: "error",
      from: { path: "^src/", pathNot: [...nodeOnly, tests] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "the browser's half reaches nothing that exists only in Node",
      severity: "error",
      from: {
        path: ["^src/platform/browser\\.ts$", "^src/engines/webgpu/"],
        pathNot: [tests, "^src/engines/webgpu/tune/node/"],
      },
      to: {
        reachable: true,
        path: [
          "^src/files/",
          "^src/checkpoint/node/",
          "^src/engines/webgpu/tune/node/",
          "^src/checkpoint/hub/hub-files\\.ts$",
          "^src/platform/(node|dawn)\\.ts$",
          "^src/platform/node/",
          "onnxruntime-node",
          // The package webgpu, which is Dawn.
          "(^|/)node_modules/webgpu/",
        ],
      },
    },
    {
      name: "the library does not know the tests",
      severity: "error",
      from: { path: "^src/", pathNot: tests },
      to: { path: "^(test|bench|tools)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};

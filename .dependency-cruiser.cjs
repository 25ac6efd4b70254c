/**
 * The direction of imports: the rooms of src/ in the order of the story, each may know only itself and what comes before.
 * `docs/architecture.md` says why.
 */
const rooms = [
  "format",
  "files",
  "tensor",
  "text",
  "checkpoint",
  "program",
  "passes",
  "engines",
  "explain",
  "trace",
  "answer",
  "evaluate",
  "verify",
  "tune",
  "platform",
  "export",
  "cli",
];

/** Files that stand directly in src/. */
const leaves = "^src/(abortable|arguments|errors|version)\\.ts$";

/** Tests and what helps them stand beside the code, and may use everything. */
const tests = "\\.test\\.ts$|/testing(\\.ts$|/)";

const direction = rooms.map((room, index) => ({
  name: `${room} knows only itself and what comes before it`,
  severity: "error",
  from: { path: `^src/${room}/`, pathNot: tests },
  to: {
    path: "^src/",
    pathNot: [
      leaves,
      ...rooms.slice(0, index + 1).map((known) => `^src/${known}/`),
      ...(room === "cli" ? ["^src/(question-answerer|loaded-model)\\.ts$"] : []),
    ],
  },
}));

/** What the design forbids although the order would allow it. */
const strangers = [
  ["text", "tensor"],
  ["engines", "text"],
  ["answer", "engines"],
  ["answer", "checkpoint"],
  ["answer", "program"],
  ["evaluate", "engines"],
  ["evaluate", "program"],
  ["verify", "evaluate"],
  ["export", "text"],
  ["export", "answer"],
  ["tune", "text"],
  ["tune", "answer"],
  ["tune", "evaluate"],
  ["tune", "verify"],
  ["verify", "text"],
  ["verify", "answer"],
];

/** Where Node's own modules may be used; everything else also runs in a browser. */
const nodeOnly = [
  "^src/cli/",
  "^src/files/",
  "^src/platform/node\\.ts$",
  "^src/checkpoint/node/",
  "^src/checkpoint/hub/",
  "^src/evaluate/node/",
  "^src/tune/node/",
  "^src/verify/node/",
];

module.exports = {
  forbidden: [
    { name: "no cycles", severity: "error", from: {}, to: { circular: true } },
    ...direction,
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
      from: { path: ["^src/platform/browser\\.ts$", "^src/engines/webgpu/"], pathNot: tests },
      to: {
        reachable: true,
        path: [
          "^src/files/",
          "^src/checkpoint/node/",
          "^src/tune/node/",
          "^src/checkpoint/hub/hub-files\\.ts$",
          "^src/platform/(node|dawn)\\.ts$",
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

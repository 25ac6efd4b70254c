/**
 * `npm run --silent sbom`: what the package contains, as a bill of materials (CycloneDX, JSON), after a build.
 *
 * It is npm's own (`npm sbom`), cut down to the packages that are bundled into dist/: for npm these are development packages
 * among others that no user gets.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** `name@version`, as the headings of THIRD_PARTY_LICENSES have them. */
const bundled = new Set(
  [...readFileSync(`${root}THIRD_PARTY_LICENSES`, "utf8").matchAll(/^-{80}\n(\S+) (\S+) \(/gm)].map(
    ([, name, version]) => `${name}@${version}`,
  ),
);

const bill = JSON.parse(
  execFileSync("npm", ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "library"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1e8,
  }),
);
const own = bill.metadata.component;
own.name = JSON.parse(readFileSync(`${root}package.json`, "utf8")).name;
bill.components = bill.components
  .filter((component) => bundled.has(component["bom-ref"]))
  .map((component) => ({ ...component, properties: [] }));
const kept = bill.components.map((component) => component["bom-ref"]);
const missing = [...bundled].filter((name) => !kept.includes(name));
if (missing.length > 0) throw new Error(`npm sbom does not list ${missing.join(", ")}: run npm ci and npm run build.`);
bill.dependencies = [
  { ref: own["bom-ref"], dependsOn: kept },
  ...bill.dependencies
    .filter(({ ref }) => bundled.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((name) => bundled.has(name)) })),
];
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`);

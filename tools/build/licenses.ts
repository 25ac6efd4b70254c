/**
 * `THIRD_PARTY_LICENSES`: name, version and licence text of every package that is bundled into `dist/`.
 *
 * Must stay true: a package whose licence is not listed here, or whose text is nowhere, fails the build.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import license, { type Dependency } from "rollup-plugin-license";

const outputFile = fileURLToPath(new URL("../../THIRD_PARTY_LICENSES", import.meta.url));

/** They ask for no more than their text to be passed on. */
const accepted = ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"];

/** Texts of packages that do not contain them, in `licenses/`. */
const missingTexts: Readonly<Record<string, string>> = {
  "onnxruntime-common": "onnxruntime/LICENSE",
  "onnxruntime-web": "onnxruntime/LICENSE",
  "xz-decompress": "xz-decompress.txt",
};

const introduction = `fusebert contains the following packages, bundled into dist/ when it was built. The licence of fusebert itself is in
LICENSE, that of the built-in model in models/builtin/README.md. What ONNX Runtime itself contains is listed in
dist/onnxruntime/ThirdPartyNotices.txt.
`;

const rule = "-".repeat(80);

export const thirdPartyLicenses = () =>
  license({
    thirdParty: {
      allow: {
        test: `(${accepted.join(" OR ")})`,
        failOnUnlicensed: true,
        failOnViolation: true,
      },
      output: { file: outputFile, template: render },
    },
  });

function render(dependencies: readonly Dependency[]): string {
  const sections = [...dependencies]
    .sort((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1))
    .map((dependency) => {
      const { name, version, license, noticeText } = dependency;
      const notice = noticeText ? `\n\n${noticeText.trim()}` : "";
      return `${rule}\n${name} ${version} (${license})\n\n${textOf(dependency).trim()}${notice}\n`;
    });
  return [introduction, ...sections].join("\n");
}

function textOf({ name, licenseText }: Dependency): string {
  if (licenseText) return licenseText;
  const file = missingTexts[name ?? ""];
  if (file !== undefined) return readFileSync(new URL(`licenses/${file}`, import.meta.url), "utf8");
  throw new Error(`${name} has no licence text; expected one in the package, or in tools/build/licenses.ts.`);
}

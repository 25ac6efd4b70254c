/** The version of this package, for `--version` and reports. The build inlines it; nothing is read at run time. */
import packageJson from "../package.json" with { type: "json" };

export const { version } = packageJson;

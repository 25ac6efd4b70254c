/** transformers.js with lists of eight questions. */
import { load as loadWithLists } from "./transformers.mjs";

export const load = (folder) => loadWithLists(folder, 8);

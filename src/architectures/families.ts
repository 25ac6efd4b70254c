/**
 * The model families: what their checkpoints are called, and where each is. A family is one object in a folder of its own;
 * adding one touches that folder and the list here.
 *
 * A family's module is imported when a config.json asks for it, so that a page downloads the family of its model alone; BERT,
 * the most frequent, is always there.
 */
import { describe } from "../checkpoint/describe.ts";
import type { JsonObject } from "../checkpoint/json.ts";
import { CheckpointError } from "../errors.ts";
import type { Architecture, FamilyName, ModelConfig } from "./architecture.ts";
import { bert } from "./bert/index.ts";

interface Family {
  readonly name: FamilyName;
  /** Values of `model_type` in config.json. */
  readonly modelTypes: readonly [string, ...string[]];
  /** The class of transformers, without the task: `Bert` of BertForQuestionAnswering. */
  readonly classNames: readonly [string, ...string[]];
  readonly load: () => Promise<unknown>;
}

/** In the order in which errors name them. */
const families: readonly Family[] = [
  { name: "bert", modelTypes: ["bert"], classNames: ["Bert"], load: async () => bert },
  {
    name: "roberta",
    modelTypes: ["roberta", "xlm-roberta", "camembert"],
    classNames: ["Roberta", "XLMRoberta", "Camembert"],
    load: async () => (await import("./roberta/index.ts")).roberta,
  },
  {
    name: "distilbert",
    modelTypes: ["distilbert"],
    classNames: ["DistilBert"],
    load: async () => (await import("./distilbert/index.ts")).distilbert,
  },
  {
    name: "electra",
    modelTypes: ["electra"],
    classNames: ["Electra"],
    load: async () => (await import("./electra/index.ts")).electra,
  },
  {
    name: "albert",
    modelTypes: ["albert"],
    classNames: ["Albert"],
    load: async () => (await import("./albert/index.ts")).albert,
  },
  {
    name: "mpnet",
    modelTypes: ["mpnet"],
    classNames: ["MPNet"],
    load: async () => (await import("./mpnet/index.ts")).mpnet,
  },
  {
    name: "deberta-v2",
    modelTypes: ["deberta-v2"],
    classNames: ["DebertaV2"],
    load: async () => (await import("./deberta-v2/index.ts")).deberta,
  },
  {
    name: "modernbert",
    modelTypes: ["modernbert"],
    classNames: ["ModernBert"],
    load: async () => (await import("./modernbert/index.ts")).modernbert,
  },
];

/** Every value of `model_type` that can be read. */
export const modelTypes: readonly string[] = families.flatMap(({ modelTypes: types }) => types);

// An object of a family takes the configurations of that family, which the type of this map cannot say.
const loaded = new Map<FamilyName, Architecture>([["bert", bert as unknown as Architecture]]);

/** The families whose modules are there, in the order in which they came. */
export const loadedArchitectures = (): Iterable<Architecture> => loaded.values();

/** The family of a configuration, whose module was imported when its config.json was read. */
export function architectureOf({ family }: Pick<ModelConfig, "family">): Architecture {
  const found = loaded.get(family);
  if (found === undefined) throw new RangeError(`the family ${family} is not there: no config.json of it was read`);
  return found;
}

/**
 * Imports the family of a config.json.
 * @param fileName for errors.
 * @throws CheckpointError for an unknown family.
 */
export async function loadArchitecture(object: JsonObject, fileName: string): Promise<Architecture> {
  const { name, load } = familyFor(object, fileName);
  const architecture = loaded.get(name) ?? ((await load()) as Architecture);
  loaded.set(name, architecture);
  return architecture;
}

/** The classes of transformers, without the task. */
export const classNamesOf = ({ family }: Pick<ModelConfig, "family">): readonly [string, ...string[]] =>
  named(family).classNames;

/** The `model_type`; old files without one are of their family's first. */
export function modelTypeOf({ model_type: kind }: JsonObject, { family }: Pick<ModelConfig, "family">): string {
  return typeof kind === "string" ? kind : named(family).modelTypes[0];
}

function named(family: FamilyName): Family {
  const found = families.find(({ name }) => name === family);
  if (found === undefined) throw new RangeError(`there is no family ${family}`);
  return found;
}

/** Old files have no model_type, but name the transformers class in `architectures`. */
function familyFor({ model_type: kind, architectures: classes }: JsonObject, fileName: string): Family {
  const found = families.find(({ modelTypes: types, classNames }) => {
    if (kind !== undefined) return types.some((type) => type === kind);
    const isOurs = new RegExp(`^(${classNames.join("|")})(Model$|For[A-Z])`);
    return Array.isArray(classes) && classes.some((name) => typeof name === "string" && isOurs.test(name));
  });
  if (found !== undefined) return found;
  throw new CheckpointError({
    found: kind === undefined ? `${fileName} has no model_type` : `${fileName}: model_type is ${describe(kind)}`,
    expected: `one of ${modelTypes.map((type) => JSON.stringify(type)).join(", ")}`,
    advice:
      kind === undefined
        ? 'If the model is of one of these families, add its "model_type" to the file; otherwise use another checkpoint.'
        : "Use a checkpoint of one of these families that was trained for extractive question answering.",
  });
}

/**
 * A text as long as a book, from the paragraphs that the golden questions are asked of.
 */
import { readGoldenJson } from "./golden.ts";

/** About `length` UTF-16 code units of prose, whole paragraphs. */
export async function novel(length: number): Promise<string> {
  const questions = await readGoldenJson<{ context: string }[]>("model/answers.json");
  const paragraphs: string[] = [];
  let written = 0;
  for (let index = 0; written < length; index++) {
    const paragraph = questions[index % questions.length]?.context ?? "";
    paragraphs.push(paragraph);
    written += paragraph.length + 2;
  }
  return paragraphs.join("\n\n");
}

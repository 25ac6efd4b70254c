/** Limits the length of a response's body, because `@huggingface/hub` buffers answers of any length. */
import { DownloadError } from "../../errors.ts";
import { grouped } from "../describe.ts";

/** The hub's answers about a model or file have some kilobytes. */
const MAX_ANSWER_BYTES = 4_000_000;

export function withCappedBody(response: Response): Response {
  if (response.body === null) return response;
  let length = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) throw tooLong(response.url);
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(counting), { status, statusText, headers });
}

function tooLong(url: string): DownloadError {
  const { host, pathname } = new URL(url);
  return new DownloadError({
    found: `${host} answered ${pathname} with more than ${grouped(MAX_ANSWER_BYTES)} bytes`,
    expected: "a short answer, as from a Hugging Face hub",
    advice: "Check HF_ENDPOINT.",
  });
}

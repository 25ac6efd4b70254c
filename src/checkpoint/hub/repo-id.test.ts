import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../errors.ts";
import { hubBaseUrl, hubFileUrl, normalizeEndpoint } from "./hub-url.ts";
import { isCommit, validateFilePath, validateModelId, validateRevision } from "./repo-id.ts";

function refusalOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    if (error instanceof InputError) return error.message;
  }
  throw new Error("not rejected");
}

describe("validateModelId", () => {
  it.each(["MattBoraske/BERT-question-answering-SQuAD", "gpt2", "a/b", "Foo-BAR_foo.bar123", "_/_", "a".repeat(96)])(
    "accepts %s",
    (id) => expect(validateModelId(id)).toBe(id),
  );

  const bad = ["", "/", "a/", "/a", "a/b/c", "a..b", "../b", "a--b", "-a", "a.", "a b", "é/b", "a\\b", "a.git", "a\n"];
  it.each([...bad, "a".repeat(97), "C:\\models"])("rejects %j", (id) => {
    expect(refusalOf(() => validateModelId(id))).toMatch(/is not the id of a model; expected "owner\/name"[^\n]*$/);
  });

  it("finds the id in a web address", () => {
    const message = refusalOf(() => validateModelId(`https://huggingface.co/owner/my.model/tree/main`));
    expect(message).toMatch(/Give only the id: "owner\/my\.model"\.$/);
    expect(refusalOf(() => validateModelId("hf.co/gpt2"))).toMatch(/Give only the id: "gpt2"\.$/);
    expect(refusalOf(() => validateModelId("s3://bucket/x"))).toMatch(/not a URL\.$/);
    expect(refusalOf(() => validateModelId("./models/x"))).toMatch(/If a folder was meant/);
  });
});

describe("validateRevision", () => {
  it.each(["main", "v1.0", "refs/pr/1", "a".repeat(40), "feature/x_y-z", "größer"])("accepts %s", (revision) => {
    expect(validateRevision(revision)).toBe(revision);
  });

  const bad = ["", "..", "a/../b", "/etc", "a/", "a//b", "a b", "a\\b", "a:b", "a\0", ".git", "a/.b", "a.", "x.lock"];
  it.each(bad)("rejects %j", (revision) => {
    expect(refusalOf(() => validateRevision(revision))).toMatch(
      /is not a revision; expected a branch, a tag or a commit/,
    );
  });
});

describe("validateFilePath", () => {
  it.each(["config.json", "onnx/model.onnx", "..a", "a b#?"])("accepts %s", (path) => {
    expect(validateFilePath(path)).toBe(path);
  });

  it.each(["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\..\\b", "C:x", "a\n"])("rejects %j", (path) => {
    expect(refusalOf(() => validateFilePath(path))).toMatch(/is not the path of a file inside a model/);
  });
});

it("recognises full commit hashes", () => {
  expect(isCommit("0".repeat(40))).toBe(true);
  expect([isCommit("main"), isCommit("A".repeat(40)), isCommit(`${"0".repeat(40)}\n`)]).toEqual([false, false, false]);
});

describe("hubBaseUrl", () => {
  it("is the base URL of the model's files", () => {
    expect(hubBaseUrl({ repo: "owner/name" })).toBe("https://huggingface.co/owner/name/resolve/main");
    expect(hubBaseUrl({ repo: "name", revision: "refs/pr/1", endpoint: "http://mirror:8080/hf/" })).toBe(
      "http://mirror:8080/hf/name/resolve/refs%2Fpr%2F1",
    );
    expect(hubFileUrl({ repo: "a/b" }, "x/y #1?.json")).toBe(
      "https://huggingface.co/a/b/resolve/main/x/y%20%231%3F.json",
    );
  });

  it("contains every valid path", () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        try {
          validateFilePath(path);
        } catch {
          return;
        }
        const base = hubBaseUrl({ repo: "a/b" });
        expect(new URL(hubFileUrl({ repo: "a/b" }, path)).href.startsWith(`${base}/`)).toBe(true);
      }),
    );
  });

  it.each(["huggingface.co", "ftp://x", "https://user:pass@x", "https://x?q=1"])("rejects the endpoint %s", (text) => {
    const message = refusalOf(() => normalizeEndpoint(text));
    expect(message).toMatch(/HF_ENDPOINT/);
    expect(message).not.toMatch(/pass/);
  });
});

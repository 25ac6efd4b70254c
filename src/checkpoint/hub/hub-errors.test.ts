import { describe, expect, it } from "vitest";
import { cacheFailure, unreachable, unreadableAnswer } from "./hub-errors.ts";

describe("reasons", () => {
  it("are on one line, and present if several addresses failed", () => {
    const request = { repo: "a/b", revision: "main", endpoint: "https://hub.example", token: undefined };
    const { message } = unreadableAnswer(new SyntaxError('Unexpected token, "<a>\n\n<b"'), request);
    expect(message).toBe('hub.example gave an answer that cannot be understood (Unexpected token, "<a> <b")');
    const cause = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
    expect(unreachable(new TypeError("fetch failed", { cause }), "https://hub.example/x").message).toBe(
      "hub.example could not be reached (ECONNREFUSED)",
    );
    const dns = Object.assign(new Error("getaddrinfo ENOTFOUND cdn.example"), { hostname: "cdn.example" });
    expect(unreachable(new TypeError("fetch failed", { cause: dns }), "https://hub.example/x").message).toMatch(
      /^cdn\.example could not be reached \(fetch failed: getaddrinfo/,
    );
  });
});

describe("cacheFailure", () => {
  it("distinguishes a full disk", () => {
    const { message } = cacheFailure(Object.assign(new Error("no space left"), { code: "ENOSPC" }), "/cache");
    expect(message).toBe(
      "The disk of the model cache /cache is full. Free some space, or set HF_HOME to another folder.",
    );
  });
});

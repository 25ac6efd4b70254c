import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { pngDataUrl } from "./png.ts";

test("the picture is a PNG with the given pixels", () => {
  const pixels = Uint8Array.from({ length: 300 * 250 }, (_, index) => index % 3);
  const palette = [
    [0, 0, 0, 0],
    [255, 31, 199, 255],
    [1, 2, 3, 255],
  ] as const;
  const bytes = Buffer.from(pngDataUrl({ width: 300, height: 250, pixels, palette }).split(",")[1] ?? "", "base64");
  expect(bytes.subarray(1, 4).toString()).toBe("PNG");
  expect(bytes.readUInt32BE(16)).toBe(300);
  expect(bytes.readUInt32BE(20)).toBe(250);
  const start = bytes.indexOf("IDAT");
  const lines = inflateSync(bytes.subarray(start + 4, start + 4 + bytes.readUInt32BE(start - 4)));
  const rows = Array.from({ length: 250 }, (_, row) => [...lines.subarray(row * 301 + 1, (row + 1) * 301)]);
  expect(rows.flat()).toEqual([...pixels]);
});

import { describe, expect, test } from "vitest";
import { shareOf } from "./diagnosis.ts";
import { compact, formatCosine, formatRatio, magnitude, percent, powerOfTen, ranges, scientific } from "./numbers.ts";

describe("figures", () => {
  test.each([
    [scientific(1.234e-7), "1.2e-7"],
    [scientific(0.3123, 2), "0.312"],
    [scientific(391.2), "391"],
    [scientific(12_345, 2), "1.23e4"],
    [scientific(0), "0"],
    [scientific(null), "–"],
    [scientific(Number.NaN), "NaN"],
    [scientific(Number.NEGATIVE_INFINITY), "−∞"],
    [formatRatio(0.934), "0.93"],
    [formatRatio(12.34), "12.3"],
    [formatRatio(1234), "1234"],
    [formatRatio(1.5e6), "1.5e6"],
    [formatRatio(null), "∞"],
    [formatRatio(0), "0"],
    [percent(0.71), "71.0 %"],
    [percent(2.3e-7), "2.30e-5 %"],
    [percent(0), "0 %"],
    [percent(5459.6), "5.46e5 %"],
    [compact(630), "630"],
    [compact(0.0123), "0.0123"],
    [formatCosine(0.999999999998), "0.999999999998"],
    [magnitude(65_504), "65,504"],
    [magnitude(524_312.864), "524,313"],
    [magnitude(3.4e38), "3.40e38"],
    [powerOfTen(-7), "1e-7"],
    [powerOfTen(-1), "0.1"],
    [ranges([0, 2, 3, 4, 7]), "0, 2–4 and 7"],
    [shareOf(0.999998), "99.9998 %"],
    [shareOf(1 - 1e-9), "99.9999 %"],
    [shareOf(1), "100 %"],
    [shareOf(0.62), "62 %"],
  ])("%s is %s", (written, expected) => expect(written).toBe(expected));
});

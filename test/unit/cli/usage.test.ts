import { describe, expect, test } from "vitest";
import { parseArguments, parseLsn, parseOffset, parsePageSize, parseTime, UsageError } from "../../../src/cli/usage.js";

const NOT_NUMBERS = ["", " ", "1e3", "0x10", "1.5", "-1", "+1", "01", " 1", "1 ", "1_000", "Infinity", "NaN", "١"];

describe("numbers", () => {
  test.each(NOT_NUMBERS)("%j is refused wherever a number is asked for", (text) => {
    for (const parse of [parseLsn, parseOffset, parsePageSize]) expect(() => parse(text)).toThrow(UsageError);
  });

  test("the limits are part of the range, and what is beyond them is not", () => {
    expect(parseLsn("1")).toBe(1);
    expect(parseLsn("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseOffset("0")).toBe(0);
    expect(parseOffset("4294967294")).toBe(4294967294);
    expect(() => parseLsn("0")).toThrow(UsageError);
    expect(() => parseLsn("9007199254740992")).toThrow(UsageError);
    expect(() => parseOffset("4294967295")).toThrow(UsageError);
  });

  test("a page size is a power of two from 512 to 65536", () => {
    expect(parsePageSize("512")).toBe(512);
    expect(parsePageSize("65536")).toBe(65536);
    for (const text of ["256", "1000", "131072"]) expect(() => parsePageSize(text)).toThrow(UsageError);
  });
});

describe("times", () => {
  test.each([
    ["2026-03-01T12:00Z", "2026-03-01T12:00:00.000Z"],
    ["2026-03-01T12:00:05Z", "2026-03-01T12:00:05.000Z"],
    ["2026-03-01T12:00:05.25Z", "2026-03-01T12:00:05.250Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ])("%s is %s", (text, iso) => {
    expect(parseTime(text).toISOString()).toBe(iso);
  });

  test.each([
    "",
    "now",
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2026-03-01 12:00:00Z",
    "2026-03-01T12:00:00+01:00",
    "2026-02-30T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01T12:60:00Z",
    "1767225600",
  ])("%j is refused", (text) => {
    expect(() => parseTime(text)).toThrow(UsageError);
  });
});

describe("options", () => {
  const options = { lsn: { type: "string" }, json: { type: "boolean" } } as const;

  test("may stand before, between and behind the arguments", () => {
    const args = parseArguments(["--lsn", "7", "app", "--json", "3"], options);
    expect(args.positionals).toEqual(["app", "3"]);
    expect(args.text("lsn")).toBe("7");
    expect(args.flag("json")).toBe(true);
    expect(parseArguments(["app"], options).text("lsn")).toBeUndefined();
  });

  test.each([[["--nope"]], [["-1"]], [["--lsn"]], [["--lsn", "1", "--lsn", "2"]], [["--json=yes"]]])(
    "%j is refused",
    (argv) => {
      expect(() => parseArguments(argv, options)).toThrow(UsageError);
    },
  );
});

import { PassThrough, Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { Output, ReaderGone } from "../../../src/cli/output.js";
import { Progress, progressLine } from "../../../src/cli/progress.js";
import { escapeControls, escapeJson, formatBytes } from "../../../src/cli/terminal.js";

describe("escapes", () => {
  test("what could move the cursor, ring or hide text is shown instead of sent", () => {
    expect(escapeControls("a\x1b[31mb\x07\n\t\x7f\x9b1m")).toBe("a\\x1b[31mb\\x07\\n\\t\\x7f\\x9b1m");
    expect(escapeControls("abc\u202egnp")).toBe("abc\\u202egnp");
    expect(escapeControls("naïve 日本 👍")).toBe("naïve 日本 👍");
  });

  test("a JSON document means the same with its unsafe characters escaped", () => {
    const value = { "k\u202e": "\x1b\x7f\x9b\u2028" };
    const escaped = escapeJson(JSON.stringify(value));
    expect(escaped).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(escaped)).toEqual(value);
  });
});

describe("sizes", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KB"],
    [9_960, "10 KB"],
    [999_499, "999 KB"],
    [999_500, "1.0 MB"],
    [52_000_000, "52 MB"],
    [1.04e9, "1.0 GB"],
  ])("%d is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("progress", () => {
  test("says how far, how fast and how long still", () => {
    expect(progressLine("importing", 25e6, 100e6, 500)).toBe("importing: 25% of 100 MB, 50 MB/s, 2 s left");
    expect(progressLine("importing", 1e6, 1e9, 1000)).toBe("importing: 0% of 1.0 GB, 1.0 MB/s, 16 min 39 s left");
    expect(progressLine("verifying", 5e6, 0, 1000)).toBe("verifying: 5.0 MB, 5.0 MB/s");
  });

  test("is drawn on a terminal alone, ten times a second, and taken away at the end", () => {
    const drawn = (isTTY: boolean) => {
      const stream = Object.assign(new PassThrough(), { isTTY });
      const progress = new Progress(stream, "importing", 0);
      for (let ms = 100; ms <= 300; ms += 10) progress.update(ms, 1000, ms);
      progress.clear();
      return String(stream.read() ?? "");
    };
    expect(drawn(false)).toBe("");
    expect(drawn(true).split("importing").length - 1).toBe(3);
    expect(drawn(true).endsWith("\r\x1b[K")).toBe(true);
  });
});

describe("output", () => {
  test("waits for a slow reader", async () => {
    const stream = new PassThrough({ highWaterMark: 1000 });
    const output = new Output(stream);
    let written = false;
    const writing = output.write("x".repeat(40_000)).then(() => {
      written = true;
    });
    await new Promise(setImmediate);
    expect(written).toBe(false);
    stream.resume();
    await writing;
    expect(written).toBe(true);
  });

  test("tells a reader that has gone from a disk that is full", async () => {
    const broken = (code: string) =>
      new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
    const write = async (code: string) => {
      const output = new Output(broken(code));
      for (let i = 0; i < 5; i++) {
        await output.write("x".repeat(40_000));
        await new Promise(setImmediate);
      }
    };
    await expect(write("EPIPE")).rejects.toBeInstanceOf(ReaderGone);
    await expect(write("ENOSPC")).rejects.toThrow("ENOSPC");
  });
});

/**
 * HttpStore in a browser (Chromium), from a page of another origin than the store's: no request needs a preflight, ranges
 * of one object come in parallel, and what a browser hides from pages is told apart as far as it can be.
 */
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { HttpStore as Store } from "../../../src/io/http-store.js";
import { status } from "../../helpers/http-faults.js";
import { type OnRequest, type RunningServer, sendObject, startHttpServer } from "../../helpers/http-server.js";
import { needs } from "../../helpers/requires.js";

const SIZE = 20_000;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => i * 31 + (i >> 8));

/** In the page: what a call gives, or its error's code and message. */
type Outcome = { bytes?: number[]; absent?: true; code?: string; message?: string };
type Call = { method: "get" | "getRange"; args: unknown[]; requestTimeoutMs?: number; abortAfterMs?: number };

describe("HttpStore in Chromium", needs("chromium"), () => {
  let browser: Browser;
  let page: Page;
  let site: RunningServer;
  let host: RunningServer;

  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: 'export { HttpStore } from "./src/io/http-store.ts";', resolveDir: process.cwd() },
      bundle: true,
      format: "iife",
      globalName: "palimpsest",
      write: false,
    });
    site = await startHttpServer({
      onRequest: (_request, response) => {
        response.setHeader("Content-Type", "text/html");
        response.end("<!doctype html><title>test</title>");
        return true;
      },
    });
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    page = await browser.newPage();
    await page.goto(site.url);
    await page.addScriptTag({ content: outputFiles[0].text });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
  beforeEach(async () => {
    host = await startHttpServer({ objects: new Map([["p/c/1", bytes]]) });
  });
  afterEach(async () => {
    await host.close();
  });

  /** All at once. */
  function run(...calls: Call[]): Promise<Outcome[]> {
    return page.evaluate(
      async ({ url, calls }) => {
        const { HttpStore } = (globalThis as unknown as { palimpsest: { HttpStore: typeof Store } }).palimpsest;
        return Promise.all(
          calls.map(async ({ method, args, requestTimeoutMs, abortAfterMs }): Promise<Outcome> => {
            const store = new HttpStore(url, { requestTimeoutMs });
            const call = store[method].bind(store) as (...all: unknown[]) => Promise<Uint8Array | undefined>;
            const controller = new AbortController();
            if (abortAfterMs !== undefined) setTimeout(() => controller.abort(), abortAfterMs);
            try {
              const found = await call(...args, { signal: controller.signal });
              return found === undefined ? { absent: true } : { bytes: [...found] };
            } catch (error) {
              const { code, message } = error as { code: string; message: string };
              return { code, message };
            }
          }),
        );
      },
      { url: `${host.url}/p`, calls },
    );
  }

  const get: Call = { method: "get", args: ["c/1"] };
  const range: Call = { method: "getRange", args: ["c/1", 100, 50] };
  const failing = async (fault: OnRequest | undefined, ...calls: Call[]) => {
    host.onRequest = fault;
    return run(...calls);
  };

  it("reads objects and ranges, and asks for them without a preflight", async () => {
    const [whole, part, end, none, absent] = await run(
      get,
      range,
      { method: "getRange", args: ["c/1", SIZE - 5, 50] },
      { method: "getRange", args: ["c/1", SIZE + 5, 50] },
      { method: "get", args: ["c/2"] },
    );
    expect(whole.bytes).toEqual([...bytes]);
    expect(part.bytes).toEqual([...bytes.slice(100, 150)]);
    expect(end.bytes).toEqual([...bytes.slice(-5)]);
    expect(none.bytes).toEqual([]);
    expect(absent).toEqual({ absent: true });
    expect(host.requests.map(({ method }) => method)).toEqual(Array(5).fill("GET"));
    for (const { headers } of host.requests) expect(headers["accept-encoding"]).toBe("identity");
  });

  it("reads ranges of one object at the same time", async () => {
    let under = 0;
    let most = 0;
    host.onRequest = async () => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setTimeout(resolve, 300));
      under--;
      return false;
    };
    const outcomes = await run(
      ...[0, 1, 2, 3].map((i): Call => ({ method: "getRange", args: ["c/1", i * 4096, 4096] })),
    );
    for (const [i, { bytes: found }] of outcomes.entries()) {
      expect(found).toEqual([...bytes.slice(i * 4096, (i + 1) * 4096)]);
    }
    expect(most).toBeGreaterThan(1);
  });

  it("follows no redirect", async () => {
    const [whole, part] = await failing(
      status(302, { Location: `${host.url}/p/c/2`, "Access-Control-Allow-Origin": "*" }),
      get,
      range,
    );
    for (const { code, message } of [whole, part]) {
      expect(code).toBe("InvalidArgument");
      expect(message).toMatch(/p\/c\/1: .*redirects are not followed/);
    }
    expect(host.requests.length).toBe(2);
  });

  it("says where a host's CORS headers are missing", async () => {
    const [closed] = await failing((request, response) => {
      response.removeHeader("Access-Control-Allow-Origin");
      sendObject(request, response, bytes);
      return true;
    }, range);
    expect(closed.code).toBe("Unavailable");
    expect(closed.message).toMatch(/CORS/);
    const [hidden] = await failing((request, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      sendObject(request, response, bytes);
      return true;
    }, range);
    expect(hidden.code).toBe("InvalidArgument");
    expect(hidden.message).toMatch(/Access-Control-Expose-Headers: Content-Range/);
  });

  it("ends by its time limit and by the caller's signal", async () => {
    const [late, stopped] = await failing(
      () => true,
      { ...get, requestTimeoutMs: 300 },
      { ...range, abortAfterMs: 100 },
    );
    expect(late.code).toBe("Unavailable");
    expect(late.message).toMatch(/within 300 ms/);
    expect(stopped.code).toBe("Aborted");
  });
});

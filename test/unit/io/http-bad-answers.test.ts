/**
 * What hosts, proxies and networks do wrong, over real sockets, to both stores that read by HTTP: each ends in an error of
 * the right class that names the object and says what to do, and gives no credentials away.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Aborted, Corrupt, InvalidArgument, Unavailable } from "../../../src/core/errors.js";
import { HttpStore } from "../../../src/io/http-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { S3Store } from "../../../src/io/s3-store.js";
import { type ErrorClass, errorOf, expectNoSecrets } from "../../helpers/http-errors.js";
import {
  answer,
  cutAfter,
  drip,
  endless,
  gzipped,
  page,
  reset,
  silence,
  stallAfter,
  status,
} from "../../helpers/http-faults.js";
import { type OnRequest, type RunningServer, startHttpServer } from "../../helpers/http-server.js";
import { startS3Server, TEST_CREDENTIALS } from "../../helpers/s3-server.js";

const SIZE = 10_000;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => i * 31);
const sessionToken = "session//token+test==";
const secrets = [...Object.values(TEST_CREDENTIALS), sessionToken, "Signature=", "signed-query"];

interface Backend {
  readonly server: RunningServer;
  /** As messages name the store. */
  readonly name: string;
  open(requestTimeoutMs?: number): ObjectStore;
}

const backends: [string, () => Promise<Backend>][] = [
  [
    "http",
    async () => {
      const server = await startHttpServer({ objects: new Map([["p/c/1", bytes]]) });
      const name = `${server.url}/p`;
      return { server, name, open: (requestTimeoutMs) => new HttpStore(name, { requestTimeoutMs }) };
    },
  ],
  [
    "s3",
    async () => {
      const credentials = { ...TEST_CREDENTIALS, sessionToken };
      const server = await startS3Server({ credentials });
      server.objects.set("p/c/1", { bytes, modified: new Date() });
      const options = { bucket: server.bucket, prefix: "p", endpoint: server.url, ...credentials };
      const open = (requestTimeoutMs?: number) => new S3Store({ ...options, requestTimeoutMs });
      return { server, name: "s3://pages/p", open };
    },
  ],
];

const whole = (store: ObjectStore, signal?: AbortSignal) => store.get("c/1", { signal });
const range = (store: ObjectStore, signal?: AbortSignal) => store.getRange("c/1", 100, 100, { signal });
const both = [whole, range];

const part = (length: number) => bytes.slice(100, 100 + length);
const RANGE = { "Content-Range": `bytes 100-199/${SIZE}` };
const WHOLE = { "Content-Length": String(SIZE) };

/** What is done, by which reads, and the error: its class, and words that say what happened and what to do. */
type Case = [name: string, fault: OnRequest, reads: (typeof whole)[], expected: ErrorClass, ...words: RegExp[]];

const lyingRanges: Case[] = [
  ["another place", "bytes 0-99/10000"],
  ["an earlier start", "bytes 50-199/10000"],
  ["a later start", "bytes 150-199/10000"],
  ["fewer bytes than asked for", "bytes 100-149/10000"],
  ["more bytes than asked for", "bytes 100-299/10000"],
  ["an end beyond the object", "bytes 100-199/150"],
  ["an end before the start", "bytes 100-99/10000"],
  ["another unit", "pages 100-199/10000"],
  ["no number", "bytes x-y/z"],
  ["huge numbers", `bytes 100-${"9".repeat(40)}/${"9".repeat(41)}`],
  ["too few bytes, the whole unknown", "bytes 100-149/*"],
].map(([name, text]) => [
  `a Content-Range with ${name}`,
  answer(206, { "Content-Range": text }, part(100)),
  [range],
  InvalidArgument,
  /Content-Range "(bytes|pages) /,
  /range requests/,
]);

const passing: Case[] = [500, 502, 503, 504, 408, 429].map((code) => [
  `status ${code}`,
  status(code),
  both,
  Unavailable,
  new RegExp(`status ${code}`),
  /Try again/,
]);

const redirects: Case[] = [301, 302, 303, 307, 308].map((code) => [
  `a redirect, ${code}`,
  status(code, { Location: "https://user:signed-query@elsewhere.example:8443/p/c/1?token=signed-query" }),
  both,
  InvalidArgument,
  /https:\/\/elsewhere\.example:8443[, ]/,
  /redirects are not followed/,
]);

const cases: Case[] = [
  ["a page of HTML", page(), both, InvalidArgument, /page of HTML/, /proxy/, /URL/],
  ["a page of HTML as a range", page(206), both, InvalidArgument, /page of HTML/],
  ["a whole object for a range", answer(200, WHOLE, bytes), [range], InvalidArgument, /status 200/, /use another/],
  ["an endless object for a range", endless(200, {}).onRequest, [range], InvalidArgument, /status 200/],
  ...lyingRanges,
  ["no Content-Range", answer(206, {}, part(100)), both, InvalidArgument, /Access-Control-Expose-Headers/],
  ["a range shorter than it says", answer(206, RANGE, part(60)), [range], Unavailable, /60 bytes .* promised 100/],
  ["a range longer than it says", answer(206, RANGE, part(140)), [range], Unavailable, /more than 100/, /Try again/],
  ["an endless range", endless(206, RANGE).onRequest, [range], Unavailable, /more than 100/],
  ["a body cut short", cutAfter(200, WHOLE, part(60)), [whole], Unavailable, /failed|promised/, /Try again/],
  ["a range cut short", cutAfter(206, RANGE, part(60)), [range], Unavailable, /failed|promised/, /Try again/],
  [
    "a connection that is reset",
    reset,
    both,
    Unavailable,
    /connection to 127.0.0.1:\d+ failed \([A-Z_]+\)/,
    /Try again/,
  ],
  ["a compressed body", gzipped(bytes), both, InvalidArgument, /Content-Encoding "gzip"/, /Turn compression off/],
  [
    "an object of 3 GiB",
    answer(206, { "Content-Range": `bytes 0-${3 * 2 ** 30 - 1}/${3 * 2 ** 30}` }, part(1)),
    [whole],
    Corrupt,
    /under 2 GiB/,
  ],
  [
    "a refusal of a range that is there",
    status(416, { "Content-Range": `bytes */${SIZE}` }),
    both,
    InvalidArgument,
    /range requests/,
  ],
  ["no content", status(204), both, InvalidArgument, /status 204/],
  ["not modified", status(304), both, InvalidArgument, /status 304/],
  ["a teapot", status(418), both, InvalidArgument, /status 418/, /Check/],
  ...passing,
  ...redirects,
];

describe.each(backends)("bad answers: %s", (_name, start) => {
  let backend: Backend;
  let store: ObjectStore;
  beforeEach(async () => {
    backend = await start();
    store = backend.open();
  });
  afterEach(async () => {
    await backend.server.close();
  });

  it.each(cases)("%s", async (_name, fault, reads, expected, ...words) => {
    backend.server.onRequest = fault;
    for (const read of reads) {
      const before = backend.server.requests.length;
      const error = (await errorOf(read(store))) as Error;
      expect(error).toBeInstanceOf(expected);
      expect(error.message).toContain(expected === Corrupt ? "c/1" : `${backend.name}/c/1`);
      for (const word of words) expect(error.message).toMatch(word);
      expectNoSecrets([error, store, store.url, store.stats], secrets);
      expect(backend.server.requests.length - before, "sent once").toBe(1);
    }
    // What went wrong leaves nothing behind.
    backend.server.onRequest = undefined;
    expect(await whole(store)).toEqual(bytes);
    expect(await range(store)).toEqual(bytes.slice(100, 200));
    expect(store.stats.bytesRead).toBe(SIZE + 100);
  });

  it("a host that is not there: the network's own error is the cause", async () => {
    await backend.server.close();
    const error = (await errorOf(whole(store))) as Error;
    expect(error).toBeInstanceOf(Unavailable);
    expect(error.message).toMatch(/ECONNREFUSED/);
    expect(error.cause).toBeInstanceOf(TypeError);
    expectNoSecrets(error, secrets);
  });

  it.each<[string, OnRequest]>([
    ["before its answer", silence],
    [
      "in the middle of a body",
      stallAfter(206, { "Content-Range": `bytes 0-${SIZE - 1}/${SIZE}` }, bytes.slice(0, 500)),
    ],
    ["but for a byte now and then", drip(206, { "Content-Range": `bytes 0-${SIZE - 1}/${SIZE}` }, 20)],
    ["with an error that does not end", drip(404, {}, 20)],
  ])("a host that stalls, %s, runs into the time limit", async (_name, fault) => {
    backend.server.onRequest = fault;
    const hasty = backend.open(150);
    const error = (await errorOf(whole(hasty))) as Error;
    expect(error).toBeInstanceOf(Unavailable);
    expect(error.message).toMatch(/within 150 ms.*requestTimeoutMs/);
    expect(error.message).toContain(`${backend.name}/c/1`);
  });

  it("a slow host gets more time as long as bytes arrive", async () => {
    const large = new Uint8Array(256 << 10).fill(7);
    backend.server.onRequest = (_request, response) => {
      response.writeHead(206, { "Content-Range": `bytes 0-${large.length - 1}/${large.length}` });
      let at = 0;
      const timer = setInterval(() => {
        response.write(large.subarray(at, (at += 16 << 10)));
        if (at >= large.length) {
          response.end();
          clearInterval(timer);
        }
      }, 100);
      return true;
    };
    // 16 pieces, 100 ms apart, are longer than the limit. Each allows 250 ms more.
    expect(await whole(backend.open(1000))).toEqual(large);
  });

  it.each<[string, OnRequest]>([
    ["before the answer", silence],
    ["in the middle of a body", stallAfter(206, RANGE, part(60))],
    ["in the middle of an error", stallAfter(404, {}, part(60))],
  ])("the caller's signal ends a request %s, and its connection", async (_name, fault) => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const closed = new Promise<void>((resolve) => {
      backend.server.onRequest = (request, response) => {
        response.on("close", resolve);
        setTimeout(() => controller.abort(reason), 50);
        return fault(request, response);
      };
    });
    const error = (await errorOf(range(store, controller.signal))) as Error;
    expect(error).toBeInstanceOf(Aborted);
    expect(error.cause).toBe(reason);
    await closed;
  });

  it("an endless object is read no further than 64 MiB, and its connection is closed", async () => {
    const fault = endless(200, {});
    backend.server.onRequest = fault.onRequest;
    const error = (await errorOf(whole(store))) as Error;
    expect(error).toBeInstanceOf(Unavailable);
    expect(error.message).toMatch(/more than 67108864 bytes/);
    expect(fault.sent()).toBeLessThan(128 << 20);
    await fault.closed;
  });

  it.each<[string, number, Record<string, string>, typeof whole]>([
    ["what was not asked for", 200, {}, range],
    ["an error", 500, {}, whole],
    ["a page", 200, { "Content-Type": "text/html" }, whole],
    ["another encoding", 206, { "Content-Encoding": "br" }, whole],
  ])("of %s, no more is taken than what says so", async (_name, code, headers, read) => {
    const fault = endless(code, headers);
    backend.server.onRequest = fault.onRequest;
    await errorOf(read(store));
    await fault.closed;
    expect(fault.sent()).toBeLessThan(32 << 20);
  });

  it("a length of 2 GB is not believed before the bytes come", async () => {
    const length = 2_000_000_000;
    backend.server.onRequest = stallAfter(206, { "Content-Range": `bytes 0-${length - 1}/${length}` }, part(10));
    const before = process.memoryUsage().arrayBuffers;
    const controller = new AbortController();
    const read = errorOf(whole(store, controller.signal));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 << 20);
    controller.abort();
    expect(await read).toBeInstanceOf(Aborted);
  });

  it("a range longer than any object is answered by what there is", async () => {
    expect(await store.getRange("c/1", 9_000, 2 ** 52)).toEqual(bytes.slice(9_000));
  });

  it("an object whose length is not said is read to its end", async () => {
    backend.server.onRequest = answer(200, {}, bytes);
    expect(await whole(store)).toEqual(bytes);
  });
});

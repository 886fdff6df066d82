/** What a store over HTTP asks of hosts, what it takes for absent, and that a page store on it answers as its folder does. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidArgument, ReadOnly, Unavailable } from "../../../src/core/errors.js";
import { PageStore as PortablePageStore } from "../../../src/index.js";
import { HttpStore } from "../../../src/io/http-store.js";
import { PageStore } from "../../../src/node.js";
import { errorOf, expectNoSecrets } from "../../helpers/http-errors.js";
import { answer, page, reset, status } from "../../helpers/http-faults.js";
import { type RunningServer, startHttpServer } from "../../helpers/http-server.js";
import { Random, runSeed } from "../../helpers/random.js";

const text = (value: string) => new TextEncoder().encode(value);
const probing = { probing: true } as const;

describe("HttpStore", () => {
  let server: RunningServer;
  let store: HttpStore;
  beforeEach(async () => {
    server = await startHttpServer({
      objects: new Map([
        ["p/c/1", text("0123456789")],
        ["p/empty", new Uint8Array(0)],
      ]),
    });
    store = new HttpStore(`${server.url}/p`);
  });
  afterEach(async () => {
    await store.close();
    await server.close();
  });

  it("asks by plain GETs with a range, for bytes as they are, past every cache", async () => {
    await store.get("c/1");
    await store.getRange("c/1", 3, 4);
    await store.getRange("c/1", 3, 0);
    await store.getRange("c/1", 3, 2 ** 53 - 1);
    expect(server.requests.map(({ method, path, headers }) => [method, path, headers.range])).toEqual([
      ["GET", "p/c/1", "bytes=0-"],
      ["GET", "p/c/1", "bytes=3-6"],
      ["GET", "p/c/1", "bytes=3-3"],
      ["GET", "p/c/1", `bytes=3-${Number.MAX_SAFE_INTEGER}`],
    ]);
    for (const { headers } of server.requests) {
      expect(headers).toMatchObject({ "accept-encoding": "identity", "cache-control": "no-cache" });
      expect(headers.cookie ?? headers.authorization).toBeUndefined();
    }
  });

  it("uses a connection again, whatever was answered", async () => {
    for (let i = 0; i < 5; i++) {
      await store.get("c/1");
      await store.get(`c/absent-${i}`);
      await store.getRange("c/1", 3, 0);
      await store.getRange("c/1", 100, 5);
      await store.get("empty");
    }
    // The next request may come before the last one has given its connection back.
    expect(server.requests.length).toBe(25);
    expect(server.connections).toBeLessThan(5);
  });

  it("takes 404 and 410 for absent, with a page or without", async () => {
    for (const fault of [status(404), status(410), page(404), page(410)]) {
      server.onRequest = fault;
      expect(await store.get("c/2")).toBeUndefined();
      expect(await store.getRange("c/2", 0, 5, probing)).toBeUndefined();
    }
    expect(store.stats).toMatchObject({ gets: 8, misses: 8 });
  });

  it("takes 403 for absent of a likely absent object alone, and once something was read", async () => {
    server.onRequest = ({ path }, response) =>
      (path === "p/c/1" ? false : status(403)({} as never, response)) as boolean;
    const early = (await errorOf(store.get("c/2", probing))) as Error;
    expect(early).toBeInstanceOf(InvalidArgument);
    expect(early.message).toMatch(/\/p\/c\/2: .* status 403: it does not let this reader have the object/);
    await store.get("c/1");
    expect(await store.get("c/2", probing)).toBeUndefined();
    expect(await store.getRange("c/2", 0, 5, probing)).toBeUndefined();
    expect(await errorOf(store.get("c/2"))).toBeInstanceOf(InvalidArgument);
    expect(store.stats.misses).toBe(2);
  });

  describe("a host that gives a page for everything", () => {
    const pages = () => {
      server.onRequest = ({ path }, response) => (path === "p/c/1" ? false : page()({} as never, response)) as boolean;
    };

    it("is asked once for an object that cannot exist; then a page means absent, of what is likely absent", async () => {
      pages();
      const found = await Promise.all([store.get("c/2", probing), store.getRange("c/3", 0, 5, probing)]);
      expect(found).toEqual([undefined, undefined]);
      expect(await store.get("c/4", probing)).toBeUndefined();
      expect(server.requests.length).toBe(4);
      expect(server.requests.filter(({ path }) => /^p\/absent-[0-9a-f]{32}$/.test(path)).length).toBe(1);
      expect(store.stats).toMatchObject({ gets: 4, misses: 4 });
      expect(((await errorOf(store.get("c/2"))) as Error).message).toMatch(/p\/c\/2: .* page of HTML/);
      expect(await store.get("c/1", probing)).toEqual(text("0123456789"));
    });

    it("but not where absent objects are 404: a proxy's page is an error", async () => {
      server.onRequest = ({ path }, response) => (path === "p/c/2" ? page()({} as never, response) : false) as boolean;
      for (const options of [probing, {}]) {
        expect(((await errorOf(store.get("c/2", options))) as Error).message).toMatch(/p\/c\/2: .* page of HTML/);
      }
      expect(server.requests.length).toBe(3);
    });

    it("is asked again where that question failed", async () => {
      pages();
      const answerPages = server.onRequest!;
      for (const fault of [reset, status(503)]) {
        server.onRequest = (request, response) =>
          request.path.startsWith("p/absent-") ? fault(request, response) : answerPages(request, response);
        expect(await errorOf(store.get("c/2", probing))).toBeInstanceOf(Unavailable);
      }
      server.onRequest = answerPages;
      expect(await store.get("c/2", probing)).toBeUndefined();
    });
  });

  it("says who may not read", async () => {
    for (const code of [401, 403]) {
      server.onRequest = status(code);
      const error = (await errorOf(store.get("c/1"))) as Error;
      expect(error.message).toMatch(new RegExp(`status ${code}: it does not let this reader have the object.*public`));
    }
  });

  it("refuses URLs that hold secrets or could mean another place, without repeating the secrets", async () => {
    const secrets = ["hunter2", "alice", "tok3n"];
    for (const url of [
      "https://alice:hunter2@host/p",
      "https://alice@host/p",
      "https://alice:hunt?hunter2@host/p",
      "https://alice:hunt/hunter2@host/p",
      "https://host/p?token=tok3n",
      "https://host/p?token=tok3n@x",
      "https://host/p#tok3n",
      "https://host/a/../p",
      "https://host/a/%2e%2E/p",
      "https://host/a/.%2e/p",
      "https://host/a%2fp",
      "https://host/a%5Cp",
      "https://host/a%00p",
      "https://host/a//p",
      "https://host/a\\p",
      "https://host/a\np",
      "https://host/ a",
      "https://",
      "http:///p",
      "https://ho st/p",
      "https://host:99999/p",
    ]) {
      for (const open of [() => new HttpStore(url), () => PortablePageStore.open(url)]) {
        const error = await errorOf((async () => open())());
        expect(error, url).toBeInstanceOf(InvalidArgument);
        expectNoSecrets(error, secrets);
      }
    }
    expect(new HttpStore("HTTPS://Example.org:443/some%20folder/é/").url).toBe(
      "https://example.org/some%20folder/%C3%A9",
    );
    for (const requestTimeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
      expect(() => new HttpStore("https://host/", { requestTimeoutMs })).toThrow(InvalidArgument);
    }
  });

  it("serves an empty object, and one whose beginning looks like a page but is not said to be one", async () => {
    expect(await store.get("empty")).toEqual(new Uint8Array(0));
    expect(await store.getRange("empty", 0, 5)).toEqual(new Uint8Array(0));
    server.onRequest = answer(200, {}, text("<html>"));
    expect(await store.get("c/1")).toEqual(text("<html>"));
  });
});

describe("a page store over HTTP", () => {
  const seed = runSeed("pages over HTTP");
  let folder: string;
  let server: RunningServer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-pages-"));
    server = await startHttpServer({ folder });
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ["palimpsest", PortablePageStore],
    ["palimpsest/node", PageStore],
  ])("has the volumes, log and pages of the folder that it serves: %s", async (_name, { open }) => {
    const random = new Random(seed);
    const local = await PageStore.open(`file:${folder}`);
    const written = [];
    for (const name of ["app", "other"]) {
      const volume = await local.createVolume({ name, pageSize: 512 });
      for (let lsn = 0; lsn < 30; lsn++) {
        const pages = Array.from({ length: 1 + random.below(4) }, () => [random.below(20), random.bytes(512)] as const);
        await volume.commit({ expectedLsn: lsn, pages: [...new Map(pages)], meta: random.bytes(10) });
      }
      written.push(volume);
    }

    const remote = await open.call(PageStore, server.url, { requestTimeoutMs: 20_000 } as never);
    const names = [];
    for await (const volume of remote.volumes()) names.push(volume.name);
    expect(names.sort()).toEqual(["app", "other"]);
    for (const volume of written) {
      const there = await remote.volume(volume.name);
      expect(there.id.toString()).toBe(volume.id.toString());
      const log = async (v: typeof volume) => {
        const commits = [];
        for await (const commit of v.log()) commits.push(commit);
        return commits;
      };
      expect((await log(there as typeof volume)).length).toBe(30);
      expect(await log(there as typeof volume)).toEqual(await log(volume));
      for (let lsn = 1; lsn <= 30; lsn++) {
        for (let offset = 0; offset < 21; offset++) {
          const expected = await local.readPage(volume.id, offset, lsn);
          expect(await remote.readPage(volume.id, offset, lsn)).toEqual(expected);
        }
      }
      const commit = there.commit({ expectedLsn: 30, pages: [[0, new Uint8Array(512)]] });
      await expect(commit).rejects.toBeInstanceOf(ReadOnly);
    }
    // What is committed while it is open is seen.
    const [app] = written;
    const pages = [[3, random.bytes(512)]] as [number, Uint8Array][];
    await app.commit({ expectedLsn: 30, pages });
    expect(await remote.readPage(app.id, 3, 31)).toEqual(pages[0][1]);
    await remote.close();
    await local.close();
  });
});

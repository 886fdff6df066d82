/** What S3's refusals mean, what a PUT's answer proves, how lists are read, and that nothing gives credentials away. */
import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidArgument, NoSpace, NotFound, ReadOnly, Unavailable } from "../../../src/core/errors.js";
import { S3Store, type S3StoreOptions } from "../../../src/io/s3-store.js";
import { type ErrorClass, errorOf, expectNoSecrets } from "../../helpers/http-errors.js";
import { answer, page, reset, silence, status } from "../../helpers/http-faults.js";
import { type OnRequest, sendStatus } from "../../helpers/http-server.js";
import {
  type S3Server,
  type S3ServerOptions,
  sendError,
  startS3Server,
  TEST_CREDENTIALS,
} from "../../helpers/s3-server.js";

const text = (value: string) => new TextEncoder().encode(value);
const secrets = [...Object.values(TEST_CREDENTIALS), "Signature=", "wrong-secret", "other-id", "test-token"];
const probing = { probing: true } as const;

const servers: S3Server[] = [];

async function start(server: S3ServerOptions = {}, options: Partial<S3StoreOptions> = {}) {
  const started = await startS3Server(server);
  servers.push(started);
  started.objects.set("p/c/1", { bytes: text("0123456789"), modified: new Date() });
  const { bucket, url } = started;
  return {
    server: started,
    store: new S3Store({ bucket, prefix: "p", endpoint: url, ...TEST_CREDENTIALS, ...options }),
  };
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const refuse =
  (code: number, name: string, more = ""): OnRequest =>
  (_request, response) => {
    sendError(response, code, name, more);
    return true;
  };

async function listed(store: S3Store, prefix = "") {
  const keys = [];
  for await (const info of store.list(prefix)) keys.push(info.key);
  return keys;
}

describe("credentials and buckets", () => {
  it.each<[string, S3ServerOptions, Partial<S3StoreOptions>, ErrorClass, RegExp]>([
    ["an unknown key id", {}, { accessKeyId: "other-id" }, InvalidArgument, /InvalidAccessKeyId .*AWS_ACCESS_KEY_ID/],
    [
      "a wrong secret",
      {},
      { secretAccessKey: "wrong-secret" },
      InvalidArgument,
      /SignatureDoesNotMatch .*AWS_SECRET_ACC/,
    ],
    ["a token of another key", {}, { sessionToken: "test-token" }, InvalidArgument, /InvalidToken .*AWS_SESSION_TOKEN/],
    [
      "another region",
      { region: "eu-west-3" },
      {},
      InvalidArgument,
      /bucket pages lies in region eu-west-3\. Set it .*AWS_R/,
    ],
    [
      "a missing bucket",
      {},
      { bucket: "elsewhere" },
      NotFound,
      /NoSuchBucket: there is no bucket elsewhere\. Create it/,
    ],
    [
      "no credentials where they are needed",
      {},
      { accessKeyId: undefined, secretAccessKey: undefined },
      InvalidArgument,
      /AccessDenied: bucket pages does not let requests without credentials read this\. Allow s3:GetObject, and s3:ListBucket/,
    ],
  ])("%s", async (_name, serverOptions, options, expected, words) => {
    const { store } = await start(serverOptions, options);
    const reads = [
      () => store.get("c/1"),
      () => store.getRange("c/1", 0, 5),
      () => store.get("c/2", probing),
      () => listed(store),
    ];
    for (const read of reads) {
      const error = (await errorOf(read())) as Error;
      expect(error).toBeInstanceOf(expected);
      expect(error.message).toMatch(words);
      expect(error.message).toMatch(
        /(reading|listing) s3:\/\/(pages|elsewhere)\/p\/(c\/[12])?: 127\.0\.0\.1:\d+ answered/,
      );
      expectNoSecrets([error, store], secrets);
    }
    for (const write of [
      () => store.put("c/2", text("x")),
      () => store.putIfAbsent("c/2", text("x")),
      () => store.delete("c/1"),
    ]) {
      const error = (await errorOf(write())) as Error;
      expect(error).toBeInstanceOf(
        expected === InvalidArgument && /AccessDenied/.test(words.source) ? ReadOnly : expected,
      );
      expectNoSecrets([error, store], secrets);
    }
    const check = (await errorOf(store.checkWritable())) as Error;
    expectNoSecrets(check, secrets);
  });

  it.each<[number, string, ErrorClass, RegExp]>([
    [400, "ExpiredToken", InvalidArgument, /session token has expired\. Get new credentials/],
    [403, "RequestTimeTooSkewed", InvalidArgument, /clock/],
    [301, "PermanentRedirect", InvalidArgument, /region and endpoint of bucket pages/],
    [503, "SlowDown", Unavailable, /SlowDown.*Try again/],
    [400, "RequestTimeout", Unavailable, /Try again/],
    [409, "OperationAborted", Unavailable, /Try again/],
    [403, "QuotaExceeded", NoSpace, /Free some space/],
    [400, "Weird&lt;b&gt;Code", InvalidArgument, /status 400/],
    [404, "Other", NotFound, /check the endpoint/],
    [405, "MethodNotAllowed", InvalidArgument, /Check the endpoint/],
  ])("%s %s", async (code, name, expected, words) => {
    const { server, store } = await start();
    server.onRequest = refuse(code, name);
    for (const call of [() => store.get("c/1"), () => store.putIfAbsent("c/2", text("x")), () => listed(store)]) {
      const error = (await errorOf(call())) as Error;
      expect(error).toBeInstanceOf(expected);
      expect(error.message).toMatch(words);
      expect(error.message).not.toMatch(/<b>/);
      expectNoSecrets(error, secrets);
    }
  });

  it("reads a public bucket without credentials, and cannot write there", async () => {
    const nobody = { accessKeyId: undefined, secretAccessKey: undefined };
    const { server, store } = await start({ anonymous: "read" }, nobody);
    expect(await store.get("c/1")).toEqual(text("0123456789"));
    expect(await listed(store)).toEqual(["c/1"]);
    expect(server.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    const error = (await errorOf(store.checkWritable())) as Error;
    expect(error).toBeInstanceOf(ReadOnly);
    expect(error.message).toMatch(/requests without credentials write\. Allow s3:PutObject/);
  });

  it("takes 'forbidden' for absent of a likely absent object alone, and once something was read", async () => {
    const { store } = await start({ mayList: false });
    expect(((await errorOf(store.get("c/2", probing))) as Error).message).toMatch(/s3:ListBucket/);
    await store.get("c/1");
    expect(await store.get("c/2", probing)).toBeUndefined();
    expect(await store.getRange("c/2", 0, 5, probing)).toBeUndefined();
    expect(await errorOf(store.get("c/2"))).toBeInstanceOf(InvalidArgument);
    expect(store.stats.misses).toBe(2);
  });

  it("but never the refusal of credentials", async () => {
    const { server, store } = await start();
    await store.get("c/1");
    server.onRequest = refuse(403, "InvalidAccessKeyId");
    expect(await errorOf(store.get("c/2", probing))).toBeInstanceOf(InvalidArgument);
    server.onRequest = status(403); // a firewall's
    expect(await errorOf(store.get("c/2", probing))).toBeInstanceOf(InvalidArgument);
  });

  it("sends the token, and signs it, and the content over http", async () => {
    const credentials = { ...TEST_CREDENTIALS, sessionToken: "test-token" };
    const { server, store } = await start({ credentials }, { sessionToken: "test-token" });
    expect(await store.putIfAbsent("c/2", text("x"))).toBe("created");
    const [{ headers }] = server.requests;
    expect(headers["x-amz-security-token"]).toBe("test-token");
    expect(headers["x-amz-content-sha256"]).toMatch(/^[0-9a-f]{64}$/);
    expect(headers["if-none-match"]).toBe("*");
  });

  it("does not sign the content over https", async () => {
    const sent: Headers[] = [];
    const fetch = async (_url: unknown, init: RequestInit) => {
      sent.push(new Headers(init.headers));
      return new Response(null, { status: 200, headers: { etag: "x" } });
    };
    const store = new S3Store({ bucket: "pages", ...TEST_CREDENTIALS, fetch: fetch as typeof globalThis.fetch });
    await store.put("a", text("x"));
    expect(sent[0].get("x-amz-content-sha256")).toBe("UNSIGNED-PAYLOAD");
    expect(sent[0].get("authorization")).toMatch(/x-amz-content-sha256/);
  });

  it("speaks virtual-host style, with a signature that holds", async () => {
    const started = await startS3Server();
    servers.push(started);
    const { port } = new URL(started.url);
    const hosts = new Set<string>();
    // As a resolver would that knows *.s3.test.
    const fetch = (url: string, init: RequestInit) =>
      new Promise<Response>((resolve, reject) => {
        const { host, pathname, search } = new URL(url);
        hosts.add(host);
        const headers = { ...Object.fromEntries(new Headers(init.headers)), host };
        const sent = httpRequest(
          { port, path: pathname + search, method: init.method, headers, agent: false },
          async (incoming) => {
            const chunks: Buffer[] = [];
            for await (const chunk of incoming) chunks.push(chunk);
            const body = incoming.statusCode === 204 ? null : Buffer.concat(chunks);
            resolve(new Response(body, { status: incoming.statusCode, headers: incoming.headers as HeadersInit }));
          },
        );
        sent.on("error", reject);
        sent.end(init.body as Uint8Array | undefined);
      });
    const store = new S3Store({
      ...TEST_CREDENTIALS,
      bucket: "pages",
      prefix: "p",
      endpoint: `http://s3.test:${port}`,
      pathStyle: false,
      fetch: fetch as typeof globalThis.fetch,
    });
    expect(await store.putIfAbsent("c/1", text("x"))).toBe("created");
    expect(await store.get("c/1")).toEqual(text("x"));
    expect(await listed(store)).toEqual(["c/1"]);
    await store.delete("c/1");
    expect([...started.objects.keys()]).toEqual([]);
    expect([...hosts]).toEqual([`pages.s3.test:${port}`]);
  });
});

describe("what the answer to a PUT proves", () => {
  let server: S3Server;
  let store: S3Store;
  beforeEach(async () => {
    ({ server, store } = await start({}, { requestTimeoutMs: 2000 }));
  });
  const create = () => store.putIfAbsent("c/2", text("x"));

  it.each([200, 201, 204])("status %i with an ETag, quoted or bare: created", async (code) => {
    for (const etag of ['"0cc175b9c0f1b6a831c399e269772661"', "0cc175b9c0f1b6a831c399e269772661", 'W/"a"']) {
      server.onRequest = (_request, response) => {
        response.writeHead(code, { ETag: etag }).end();
        return true;
      };
      expect(await create()).toBe("created");
    }
  });

  it.each<[number, string]>([
    [412, "PreconditionFailed"],
    [409, "ConditionalRequestConflict"],
    [409, "BlobAlreadyExists"],
  ])("%i %s: exists", async (code, name) => {
    server.onRequest = refuse(code, name);
    expect(await create()).toBe("exists");
    expect(await errorOf(store.put("c/2", text("x"))), "without a condition").toBeInstanceOf(InvalidArgument);
  });

  it.each<[string, OnRequest]>([
    ["500", status(500)],
    ["503 SlowDown", refuse(503, "SlowDown")],
    ["429", status(429)],
    ["a reset", reset],
    ["silence", silence],
    ["a page of HTML", page()],
    ["success without an ETag", answer(200, {}, text(""))],
    ["409 OperationAborted", refuse(409, "OperationAborted")],
  ])("%s: the outcome is not known, and nothing is sent again", async (_name, fault) => {
    server.onRequest = fault;
    const hasty = new S3Store({
      ...TEST_CREDENTIALS,
      bucket: server.bucket,
      prefix: "p",
      endpoint: server.url,
      requestTimeoutMs: 200,
    });
    for (const write of [() => hasty.putIfAbsent("c/2", text("x")), () => hasty.put("c/2", text("x"))]) {
      server.take();
      const error = (await errorOf(write())) as Error;
      expect(error).toBeInstanceOf(Unavailable);
      expect(error.message).toMatch(/writing s3:\/\/pages\/p\/c\/2: .*It may or may not have been applied/);
      expect(server.requests.length).toBe(1);
      expectNoSecrets(error, secrets);
    }
  });

  it("an answer lost after the object was written leaves it there, and says that it may be", async () => {
    server.onRequest = ({ method, path, body }, response) => {
      if (method !== "PUT") return false;
      server.objects.set(path.slice("pages/".length), { bytes: body, modified: new Date() });
      response.destroy();
      return true;
    };
    expect(((await errorOf(create())) as Error).message).toMatch(/may or may not have been applied/);
    expect(await store.get("c/2")).toEqual(text("x"));
  });

  it("501: such a server cannot be written", async () => {
    server.onRequest = refuse(501, "NotImplemented");
    expect(((await errorOf(store.checkWritable())) as Error).message).toMatch(/NotImplemented.*If-None-Match/);
    expect(await errorOf(create())).toBeInstanceOf(ReadOnly);
  });

  it("sends content from shared memory", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set(text("abcd"));
    await store.put("c/2", shared);
    expect(server.objects.get("p/c/2")!.bytes).toEqual(Buffer.from("abcd"));
  });
});

describe("checkWritable", () => {
  it("creates, is refused, deletes", async () => {
    const { server, store } = await start();
    await store.checkWritable();
    const seen = server.requests.map(({ method, headers, status: code }) => [method, headers["if-none-match"], code]);
    expect(seen).toEqual([
      ["PUT", "*", 200],
      ["PUT", "*", 412],
      ["DELETE", undefined, 204],
    ]);
    expect(new Set(server.requests.map(({ path }) => path)).size).toBe(1);
    expect(server.requests[0].path).toMatch(/^pages\/p\/check-[0-9a-f]{32}$/);
    expect([...server.objects.keys()]).toEqual(["p/c/1"]);
  });

  it("refuses a server that says of everything that it exists", async () => {
    const { server, store } = await start();
    server.onRequest = ({ method }, response) =>
      method === "PUT" && (refuse(412, "PreconditionFailed")({} as never, response) as boolean);
    const error = (await errorOf(store.checkWritable())) as Error;
    expect(error).toBeInstanceOf(ReadOnly);
    expect(error.message).toMatch(/says of a new object that it exists/);
  });

  it("passes on what may pass, and deletes what it may have left", async () => {
    const { server, store } = await start();
    let puts = 0;
    server.onRequest = ({ method }, response) => {
      if (method !== "PUT" || ++puts < 2) return false;
      sendStatus(response, 503);
      return true;
    };
    expect(await errorOf(store.checkWritable())).toBeInstanceOf(Unavailable);
    expect([...server.objects.keys()]).toEqual(["p/c/1"]);
  });

  it("takes a writer that may not delete", async () => {
    const { server, store } = await start();
    server.onRequest = ({ method }, response) => {
      if (method !== "DELETE") return false;
      sendError(response, 403, "AccessDenied");
      return true;
    };
    await store.checkWritable();
    expect(await errorOf(store.delete("c/1"))).toBeInstanceOf(ReadOnly);
  });
});

describe("lists", () => {
  const KEYS = ["p/a", "p/b/1", "p/b/2", "p/c/1", "p/d/1", "p/d/2", "p/d/3"];

  it("go on from page to page, and pass by what no store wrote", async () => {
    const { server, store } = await start({ keysPerPage: 2 });
    const foreign = [
      "p/",
      "p/A.txt",
      "p/d/x y",
      "p/d/x!y",
      "p/d/",
      "p/d/ä&<>\"'%+ .txt",
      "p/d/\u{1f600}",
      "p/d/\uffee",
      "p2/a",
      "p/.hidden",
      "p/d//x",
    ];
    for (const key of [...KEYS, ...foreign]) server.objects.set(key, { bytes: text(key), modified: new Date(1e12) });
    expect(await listed(store)).toEqual(KEYS.map((key) => key.slice(2)));
    expect(store.stats.lists).toBe(server.requests.length);
    expect(server.requests.length).toBeGreaterThan(5);
    expect(await listed(store, "d/")).toEqual(["d/1", "d/2", "d/3"]);
    for await (const info of store.list("b/1")) expect(info).toEqual({ key: "b/1", sizeBytes: 5, modifiedMs: 1e12 });
  });

  const list = (inner: string) => (_request: unknown, response: Parameters<OnRequest>[1]) => {
    const xml = `<?xml version="1.0"?><ListBucketResult>${inner}</ListBucketResult>`;
    response.writeHead(200, { "Content-Type": "application/xml" }).end(xml);
    return true;
  };
  const item = (key: string, size = "1", modified = "2026-11-25T00:00:00.000Z") =>
    `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><Size>${size}</Size></Contents>`;
  const end = "<IsTruncated>false</IsTruncated>";
  const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";

  it("read keys that the server did not encode, and entities", async () => {
    const { server, store } = await start();
    server.onRequest = list(
      `${end}${item("p/a%2d")}${item("p/&#98;")}${item("p/&#x63;&#0045;&amp;")}${item("p/d&unknown;")}${item("p/d-&#x64;")}`,
    );
    expect(await listed(store)).toEqual(["b", "d-d"]);
  });

  it("do not believe a server about other prefixes", async () => {
    const { server, store } = await start();
    server.onRequest = list(`${end}${item("c/1")}${item("p/c/1")}${item("p/d/1")}${item("q/c/1")}`);
    expect(await listed(store, "c/")).toEqual(["c/1"]);
  });

  it.each<[string, OnRequest]>([
    ["no list", list("")],
    ["another document", answer(200, {}, text("<IsTruncated>false</IsTruncated>"))],
    ["the first list again and again", list(more + item("p/a"))],
    ["empty pages for ever", list(more)],
    ["a page that is not the last, without a token", list(`<IsTruncated>true</IsTruncated>${item("p/a")}`)],
    ["keys out of order", list(end + item("p/b") + item("p/a"))],
    ["a key twice", list(end + item("p/b") + item("p/b"))],
    ["a size that is none", list(end + item("p/a", "-1"))],
    ["a huge size", list(end + item("p/a", "9".repeat(30)))],
    ["a time that is none", list(end + item("p/a", "1", "yesterday"))],
    ["a key that does not decode", list(`${end}<EncodingType>url</EncodingType>${item("p/%E4")}`)],
    ["an entry without a key", list(`${end}<Contents><Size>1</Size></Contents>`)],
  ])("refuse %s", async (_name, fault) => {
    const { server, store } = await start();
    server.onRequest = fault;
    const error = (await errorOf(listed(store))) as Error;
    expect(error).toBeInstanceOf(InvalidArgument);
    expect(error.message).toMatch(/listing s3:\/\/pages\/p\/: 127.*ListObjectsV2/);
  });

  it("are bounded, and errors of theirs as well", async () => {
    const { server, store } = await start();
    server.onRequest = answer(200, {}, new Uint8Array(9 << 20).fill(0x20));
    expect(((await errorOf(listed(store))) as Error).message).toMatch(/more than 8388608 bytes/);
    server.onRequest = answer(503, {}, new Uint8Array(9 << 20).fill(0x20));
    expect(((await errorOf(listed(store))) as Error).message).toMatch(/status 503/);
  });

  it("end with the caller's signal, between pages and within one", async () => {
    const { server, store } = await start({ keysPerPage: 2 });
    for (const key of KEYS) server.objects.set(key, { bytes: text(key), modified: new Date() });
    const controller = new AbortController();
    const seen: string[] = [];
    const all = (async () => {
      for await (const { key } of store.list("", { signal: controller.signal })) {
        seen.push(key);
        if (seen.length === 3) controller.abort();
      }
    })();
    expect(await errorOf(all)).toMatchObject({ code: "Aborted" });
    expect(seen).toEqual(["a", "b/1", "b/2"]);
  });
});

/**
 * A small S3 server in memory, over real sockets: path style, unsigned, one namespace for all buckets. PUT honours
 * `If-None-Match: *`, GET honours ranges, and ListObjectsV2 comes in pages. Fast enough for fault campaigns; what a real
 * server does is tested on Ceph (ceph.ts).
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly modified: Date;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const NOTHING = Buffer.alloc(0);
const MAX_BODY_BYTES = 64 << 20;
const MAX_KEYS = 1000;

export class MemoryS3 implements AsyncDisposable {
  readonly endpoint: string;
  /** By "bucket/key". */
  readonly objects = new Map<string, StoredObject>();
  requests = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<MemoryS3> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return new MemoryS3(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const body = await readBody(request);
    // A request that was cut short has no effect, as on any S3 server.
    if (body === undefined) return void response.destroy();
    const answer = this.#answer(request, body);
    response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  }

  #answer({ method, url, headers }: IncomingMessage, body: Buffer): Answer {
    const { pathname, searchParams } = new URL(url!, this.endpoint);
    const path = decodeURIComponent(pathname.slice(1));
    if (method === "GET" && searchParams.get("list-type") === "2") return this.#list(path, searchParams);
    if (method === "GET" || method === "HEAD") return this.#get(path, headers.range);
    if (method === "PUT") return this.#put(path, headers["if-none-match"], body);
    if (method !== "DELETE") return refusal(405, "MethodNotAllowed");
    this.objects.delete(path);
    return { status: 204, headers: {}, body: NOTHING };
  }

  #put(path: string, condition: string | undefined, bytes: Buffer): Answer {
    if (condition !== undefined && condition !== "*") return refusal(501, "NotImplemented");
    if (condition === "*" && this.objects.has(path)) return refusal(412, "PreconditionFailed");
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    this.objects.set(path, { bytes, etag, modified: new Date() });
    return { status: 200, headers: { etag }, body: NOTHING };
  }

  #get(path: string, asked: string | undefined): Answer {
    const found = this.objects.get(path);
    if (found === undefined) return refusal(404, "NoSuchKey");
    const { bytes, etag, modified } = found;
    const headers = { etag, "last-modified": modified.toUTCString(), "accept-ranges": "bytes" };
    const range = rangeOf(asked, bytes.length);
    if (range === undefined) return { status: 200, headers, body: bytes };
    const [start, end] = range;
    if (start >= end) return refusal(416, "InvalidRange", { "content-range": `bytes */${bytes.length}` });
    const place = `bytes ${start}-${end - 1}/${bytes.length}`;
    return { status: 206, headers: { ...headers, "content-range": place }, body: bytes.subarray(start, end) };
  }

  #list(path: string, query: URLSearchParams): Answer {
    const bucket = path.replace(/\/?$/, "/");
    const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
    const limit = Math.min(MAX_KEYS, Number(query.get("max-keys") ?? MAX_KEYS));
    const prefix = bucket + (query.get("prefix") ?? "");
    const names = [...this.objects.keys()].filter((name) => name.startsWith(prefix) && name > bucket + after).sort();
    const page = names.slice(0, limit);
    const contents = page.map((name) => {
      const { bytes, modified } = this.objects.get(name)!;
      const key = encodeURIComponent(name.slice(bucket.length)).replaceAll("%2F", "/");
      return `<Contents><Key>${key}</Key><LastModified>${modified.toISOString()}</LastModified><Size>${bytes.length}</Size></Contents>`;
    });
    const next = `<NextContinuationToken>${page.at(-1)?.slice(bucket.length)}</NextContinuationToken>`;
    const truncated = names.length > limit;
    return xml(
      200,
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>` +
        `<IsTruncated>${truncated}</IsTruncated>${truncated ? next : ""}${contents.join("")}</ListBucketResult>`,
    );
  }
}

/** The body, or `undefined` where it did not come whole or is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return request.complete ? Buffer.concat(chunks) : undefined;
}

/** First byte and end of the range that is asked for; `undefined` where none is that can be understood. */
function rangeOf(header: string | undefined, total: number): [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") return [Math.max(0, total - Number(match[2])), total];
  const end = match[2] === "" ? total : Math.min(total, Number(match[2]) + 1);
  return [Number(match[1]), end];
}

function refusal(status: number, code: string, headers: Answer["headers"] = {}): Answer {
  const { headers: type, body } = xml(status, `<Error><Code>${code}</Code></Error>`);
  return { status, headers: { ...type, ...headers }, body };
}

function xml(status: number, text: string): Answer {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
  return { status, headers: { "content-type": "application/xml" }, body };
}

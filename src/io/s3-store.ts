/**
 * A store in a bucket of S3, or of a server that speaks as S3 does. An object's key is the store's prefix, a slash and its
 * own key. Runs wherever there is `fetch`; credentials and endpoint are given to it, and only `src/node-platform.ts` takes
 * them from the environment.
 *
 *     get, getRange   GET with Range                       (http-read.ts)
 *     put             PUT
 *     putIfAbsent     PUT with If-None-Match: *            created: 2xx with an ETag; exists: 412, 409
 *     list            GET ?list-type=2, in pages of 1,000
 *     delete          DELETE
 *
 * Every request is sent once. An error of a write that is `Unavailable` or `Aborted` leaves open whether it was applied.
 */
import {
  Closed,
  InvalidArgument,
  type PalimpsestError,
  ReadOnly,
  throwIfAborted,
  Unavailable,
} from "../core/errors.js";
import { compareBytes, toHex } from "../core/ids.js";
import { isPage, readObject } from "./http-read.js";
import { type HttpAnswer, HttpClient, type HttpOptions } from "./http-request.js";
import { checkKey, checkPrefix, checkRange } from "./object-key.js";
import { type CallOptions, newIoStats, type ObjectInfo, type ObjectStore, type RangeOptions } from "./object-store.js";
import { readRefusal, refusalError, type S3Refusal } from "./s3-errors.js";
import { decodeListPage, KEYS_PER_PAGE, type S3ListPage } from "./s3-list.js";
import {
  checkS3Options,
  type Environment,
  parseS3Url,
  type S3Options,
  type S3Place,
  withEnvironment,
} from "./s3-options.js";
import { S3Signer } from "./s3-signer.js";

/** A thousand keys of 1,024 bytes, each as three characters, and what stands around them. */
const MAX_LIST_BYTES = 8 << 20;

export type S3StoreOptions = S3Place & S3Options & HttpOptions;

interface Write {
  readonly method: "PUT" | "DELETE";
  readonly what: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

export class S3Store implements ObjectStore {
  /** `s3://bucket/prefix`; with an endpoint, that too, since buckets of two servers may have one name. */
  readonly url: string;
  /** `s3://bucket/prefix`, which an object's key is appended to in messages. */
  readonly #root: string;
  readonly stats = newIoStats();
  readonly #bucket: string;
  /** With a slash at its end, or empty. */
  readonly #prefix: string;
  readonly #bucketUrl: string;
  readonly #signer: S3Signer;
  readonly #client: HttpClient;
  #hasRead = false;
  #closed = false;

  /** Nothing is requested before the first call. @throws InvalidArgument for options that can never work. */
  constructor(options: S3StoreOptions) {
    const { bucket, prefix, region, endpoint, bucketUrl, credentials } = checkS3Options(options);
    this.#root = `s3://${bucket}${prefix && `/${prefix}`}`;
    this.url = endpoint === undefined ? this.#root : `${this.#root} (${endpoint})`;
    this.#bucket = bucket;
    this.#prefix = prefix && `${prefix}/`;
    this.#bucketUrl = bucketUrl;
    this.#signer = new S3Signer(credentials, region, bucketUrl);
    this.#client = new HttpClient(options);
  }

  /** The store that `s3://bucket/prefix` names. What `options` do not say is taken from `env`, such as `process.env`. */
  static open(url: string, options: S3Options & HttpOptions = {}, env: Environment = {}): S3Store {
    return new S3Store({ ...options, ...withEnvironment(options, env), ...parseS3Url(url) });
  }

  async get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#read(key, 0, undefined, options);
  }

  async getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined> {
    checkRange(start, length);
    return this.#read(key, start, length, options);
  }

  async put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#put(key, bytes, {}, options);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    return this.#put(key, bytes, { "if-none-match": "*" }, options);
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    let last: string | undefined;
    let token: string | undefined;
    do {
      const page = await this.#listPage(prefix, token, options);
      const before = last;
      for (const { key, sizeBytes, modifiedMs } of page.entries) {
        if (last !== undefined && !isAscending(last, key)) throw this.#listError(prefix, "keys out of order");
        last = key;
        const own = key.slice(this.#prefix.length);
        if (!key.startsWith(this.#prefix + prefix) || !isOurs(own)) continue;
        throwIfAborted(options?.signal, `listing ${this.#name(prefix)}`);
        yield { key: own, sizeBytes, modifiedMs };
      }
      // Each page takes the listing on, so that it ends whatever the server says.
      if (page.next !== undefined && last === before)
        throw this.#listError(prefix, "an empty page that is not the last");
      token = page.next;
    } while (token !== undefined);
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    checkKey(key);
    this.#checkOpen();
    const what = `deleting ${this.#name(key)}`;
    throwIfAborted(options?.signal, what);
    this.stats.deletes++;
    await this.#write(this.#urlOf(key), { method: "DELETE", what }, options, async (answer, fail) => {
      const refusal = await readRefusal(answer);
      const gone = answer.status === 404 && refusal.code !== "NoSuchBucket" && !refusal.page;
      if (!gone && (!isSuccess(answer) || refusal.page)) throw fail(refusal);
    });
  }

  /**
   * Puts a fresh key twice with If-None-Match: the first must create it, the second must be refused. That shows that the
   * header is honoured, not that it is atomic; a server that ignores it would let writers overwrite each other's commits.
   */
  async checkWritable(options?: CallOptions): Promise<void> {
    this.#checkOpen();
    throwIfAborted(options?.signal, `checking that ${this.url} can be written`);
    const key = `check-${toHex(crypto.getRandomValues(new Uint8Array(16)))}`;
    const elsewhere = "Commits cannot be made safe there: use another S3 server, or another release of this one";
    try {
      const outcomes = [];
      for (const content of ["first", "second"]) {
        outcomes.push(await this.putIfAbsent(key, new TextEncoder().encode(content), options));
      }
      if (outcomes[1] !== "exists") {
        throw new ReadOnly(
          `${this.#root}: the server at ${this.#host} overwrites an object in spite of If-None-Match. ${elsewhere}`,
        );
      }
      if (outcomes[0] !== "created") {
        throw new ReadOnly(
          `${this.#root}: the server at ${this.#host} says of a new object that it exists (If-None-Match). ${elsewhere}`,
        );
      }
    } finally {
      // A writer need not be allowed to delete; the object left then is a few bytes that nothing refers to.
      await this.delete(key).catch(ignore);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  get #host(): string {
    return new URL(this.#bucketUrl).host;
  }

  /** For messages. */
  #name(key: string): string {
    return `${this.#root}/${key}`;
  }

  #urlOf(key: string): string {
    return `${this.#bucketUrl}/${this.#prefix}${key}`;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Closed(`${this.url} was closed. Open the store again`);
  }

  #failure(refusal: S3Refusal, what: string, write: boolean): PalimpsestError {
    const call = { what, url: this.#bucketUrl, bucket: this.#bucket, write, signed: this.#signer.signs };
    return refusalError(refusal, call);
  }

  // Reading

  async #read(
    key: string,
    start: number,
    length: number | undefined,
    options: RangeOptions | undefined,
  ): Promise<Uint8Array | undefined> {
    checkKey(key);
    this.#checkOpen();
    const what = `reading ${this.#name(key)}`;
    throwIfAborted(options?.signal, what);
    this.stats.gets++;
    const url = this.#urlOf(key);
    const headers = await this.#signer.sign("GET", url, {});
    const read = { key, url, headers, what, start, length, into: options?.into, signal: options?.signal };
    const bytes = await readObject(this.#client, read, (answer) => this.#absence(answer, what, options));
    if (bytes === undefined) {
      this.stats.misses++;
    } else {
      this.#hasRead = true;
      this.stats.bytesRead += bytes.length;
    }
    return bytes;
  }

  /** Whether an answer without bytes means that there is no object; otherwise its error. */
  async #absence(answer: HttpAnswer, what: string, options: CallOptions | undefined): Promise<undefined> {
    const refusal = await readRefusal(answer);
    const { status, code } = refusal;
    if (status === 404 && code === "NoSuchKey") return undefined;
    // Who may not list a bucket is told "forbidden" of what is not there. Where nothing was read yet, all may be forbidden.
    if (status === 403 && code === "AccessDenied" && options?.probing && this.#hasRead) return undefined;
    throw this.#failure(refusal, what, false);
  }

  async #listPage(prefix: string, token: string | undefined, options: CallOptions | undefined): Promise<S3ListPage> {
    this.#checkOpen();
    const what = `listing ${this.#name(prefix)}`;
    throwIfAborted(options?.signal, what);
    const query = new URLSearchParams({
      "list-type": "2",
      "encoding-type": "url",
      "max-keys": String(KEYS_PER_PAGE),
      prefix: this.#prefix + prefix,
    });
    if (token !== undefined) query.set("continuation-token", token);
    const url = `${this.#bucketUrl}/?${query}`;
    this.stats.lists++;
    const headers = await this.#signer.sign("GET", url, {});
    const request = { method: "GET", url, headers, what, signal: options?.signal } as const;
    return this.#client.send(request, async (answer) => {
      if (answer.status !== 200 || isPage(answer)) throw this.#failure(await readRefusal(answer), what, false);
      const bytes = await answer.read({ limitBytes: MAX_LIST_BYTES });
      const page = decodeListPage(new TextDecoder().decode(bytes));
      if (page === undefined) throw this.#listError(prefix, "something else than a list of objects");
      return page;
    });
  }

  #listError(prefix: string, found: string): InvalidArgument {
    return new InvalidArgument(
      `listing ${this.#name(prefix)}: ${this.#host} sent ${found}. It does not list as S3 does (ListObjectsV2, in order of ` +
        "keys): use a general purpose bucket, or another server",
    );
  }

  // Writing

  /** "exists" only under a condition. */
  async #put(
    key: string,
    bytes: Uint8Array,
    condition: Record<string, string>,
    options: CallOptions | undefined,
  ): Promise<"created" | "exists"> {
    checkKey(key);
    this.#checkOpen();
    const what = `writing ${this.#name(key)}`;
    throwIfAborted(options?.signal, what);
    this.stats.puts++;
    this.stats.bytesWritten += bytes.length;
    const headers = { "content-type": "application/octet-stream", ...condition };
    const write = { method: "PUT", what, headers, body: bytes } as const;
    return this.#write(this.#urlOf(key), write, options, async (answer, fail) => {
      const refusal = await readRefusal(answer);
      if (isSuccess(answer) && !refusal.page) {
        // S3 always gives an ETag, quoted or bare. An answer without one came from something else on the way.
        if (answer.headers.get("etag")) return "created";
        throw new Unavailable(
          `${what}: ${this.#host} answered with status ${answer.status} but without an ETag. It may or may not have been ` +
            "applied. A proxy may stand in between; for a browser, the bucket's CORS rules must expose ETag",
        );
      }
      if ("if-none-match" in condition && isTaken(refusal)) return "exists";
      throw fail(refusal);
    });
  }

  async #write<T>(
    url: string,
    { method, what, headers = {}, body }: Write,
    options: CallOptions | undefined,
    receive: (answer: HttpAnswer, fail: (refusal: S3Refusal) => PalimpsestError) => Promise<T>,
  ): Promise<T> {
    const signed = await this.#signer.sign(method, url, headers, body);
    const request = { method, url, headers: signed, body, what, signal: options?.signal };
    return this.#client.send(request, (answer) => receive(answer, (refusal) => this.#failure(refusal, what, true)));
  }
}

const isSuccess = ({ status }: HttpAnswer) => status >= 200 && status < 300;

/**
 * 412: there is an object. 409 (ConditionalRequestConflict): another conditional write of the key is under way, and this
 * one had no effect. That the other will succeed is not certain; a writer reads the key whatever it is told
 * (src/log/put-once.ts), and writes again where it finds nothing. OperationAborted, which is about the bucket, says nothing.
 */
function isTaken({ status, code }: S3Refusal): boolean {
  return status === 412 || (status === 409 && code !== "OperationAborted");
}

/** Whether a key of the bucket, without the store's prefix, is one that a store can have. */
function isOurs(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

/** By their bytes in UTF-8, as S3 sorts; JavaScript's own order differs from it beyond U+FFFF. */
function isAscending(first: string, second: string): boolean {
  if (first === second) return false;
  const encoder = new TextEncoder();
  return first < second || compareBytes(encoder.encode(first), encoder.encode(second)) < 0;
}

function ignore(): void {}

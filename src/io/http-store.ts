/**
 * A store that any web host serves, read by range requests: the folder of a `FileStore`, or a public bucket, under a URL.
 * Runs in Node and browsers alike. It cannot write, delete or list.
 *
 * Hosts say "absent" in several ways. 404 and 410 always mean it. Where the caller takes absence to be likely
 * (`probing`), two more do: 403, as of a bucket that does not let its readers list, once this store has read something
 * from the host; and a page of HTML with status 200, where the host gives one for an object that cannot exist.
 */
import { Closed, InvalidArgument, ReadOnly, throwIfAborted, Unavailable } from "../core/errors.js";
import { toHex } from "../core/ids.js";
import { isPage, MAX_ERROR_BYTES, pageError, readObject } from "./http-read.js";
import { type HttpAnswer, HttpClient, type HttpOptions, hostOf } from "./http-request.js";
import { parseHttpUrl } from "./http-url.js";
import { checkKey, checkPrefix, checkRange } from "./object-key.js";
import { type CallOptions, newIoStats, type ObjectInfo, type ObjectStore, type RangeOptions } from "./object-store.js";
import { unlessAborted } from "./shared-request.js";

export class HttpStore implements ObjectStore {
  readonly url: string;
  readonly stats = newIoStats();
  readonly #client: HttpClient;
  /** Whether the host gives pages for objects that it does not have; asked once. */
  #pagesForAbsent: Promise<boolean> | undefined;
  #hasRead = false;
  #closed = false;

  /** @param url such as `https://example.org/pages`: an object's URL is that, a slash and its key. Nothing is requested yet. */
  constructor(url: string, options: HttpOptions = {}) {
    this.url = parseHttpUrl(url, "store");
    this.#client = new HttpClient(options);
  }

  async get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#read(key, 0, undefined, options);
  }

  async getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined> {
    checkRange(start, length);
    return this.#read(key, start, length, options);
  }

  async put(key: string, _bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#refuse(`writing ${this.url}/${key}`, () => checkKey(key), options);
  }

  async putIfAbsent(key: string, _bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    return this.#refuse(`writing ${this.url}/${key}`, () => checkKey(key), options);
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    this.#refuse(`listing ${this.url}/${prefix}`, () => checkPrefix(prefix), options);
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    this.#refuse(`deleting ${this.url}/${key}`, () => checkKey(key), options);
  }

  async checkWritable(options?: CallOptions): Promise<void> {
    this.#refuse(`writing to ${this.url}`, () => {}, options);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #read(
    key: string,
    start: number,
    length: number | undefined,
    options: RangeOptions | undefined,
  ): Promise<Uint8Array | undefined> {
    checkKey(key);
    this.#checkOpen();
    const url = `${this.url}/${key}`;
    const what = `reading ${url}`;
    throwIfAborted(options?.signal, what);
    this.stats.gets++;
    const read = { key, url, what, start, length, into: options?.into, signal: options?.signal };
    const bytes = await readObject(this.#client, read, (answer) => this.#absence(answer, what, url, options));
    if (bytes === undefined) {
      this.stats.misses++;
    } else {
      this.#hasRead = true;
      this.stats.bytesRead += bytes.length;
    }
    return bytes;
  }

  /** Whether an answer without bytes means that there is no object; otherwise its error. */
  async #absence(answer: HttpAnswer, what: string, url: string, options: CallOptions | undefined): Promise<undefined> {
    const { status, redirect } = answer;
    const host = hostOf(url);
    if (redirect) {
      throw new InvalidArgument(
        `${what}: ${host} redirects to ${redirect.to}, and redirects are not followed. Open the store by the URL that the ` +
          "host leads to",
      );
    }
    await answer.text(MAX_ERROR_BYTES);
    if (status === 404 || status === 410) return undefined;
    if (status === 200 || status === 206) {
      if (options?.probing && (await this.#hasPagesForAbsent(options.signal))) return undefined;
      throw pageError(what, url);
    }
    if (status === 403 && options?.probing && this.#hasRead) return undefined;
    throw httpFailure(status, what, host);
  }

  /** Asks for an object that cannot exist. */
  async #hasPagesForAbsent(signal: AbortSignal | undefined): Promise<boolean> {
    this.#pagesForAbsent ??= this.#askForAbsent();
    try {
      return await unlessAborted(this.#pagesForAbsent, signal, `reading from ${this.url}`);
    } catch (error) {
      throwIfAborted(signal, `reading from ${this.url}`);
      this.#pagesForAbsent = undefined;
      throw error;
    }
  }

  /** Without the signal of a caller: others wait for the same answer. */
  async #askForAbsent(): Promise<boolean> {
    const key = `absent-${toHex(crypto.getRandomValues(new Uint8Array(16)))}`;
    const url = `${this.url}/${key}`;
    this.stats.gets++;
    let page = false;
    const read = { key, url, what: `reading ${url}`, start: 0, length: undefined };
    const bytes = await readObject(this.#client, read, async (answer) => {
      await answer.text(MAX_ERROR_BYTES);
      if (answer.status >= 500 || answer.status === 429) throw httpFailure(answer.status, read.what, hostOf(url));
      page = (answer.status === 200 || answer.status === 206) && isPage(answer);
      return undefined;
    });
    if (bytes === undefined) this.stats.misses++;
    return page;
  }

  #refuse(what: string, check: () => void, options: CallOptions | undefined): never {
    check();
    this.#checkOpen();
    throwIfAborted(options?.signal, what);
    throw new ReadOnly(`${what}: a store over HTTP can only be read. Open the folder or the bucket behind it to write`);
  }

  #checkOpen(): void {
    if (this.#closed) throw new Closed(`${this.url} was closed. Open the store again`);
  }
}

function httpFailure(status: number, what: string, host: string): InvalidArgument | Unavailable {
  const said = `${what}: ${host} answered with status ${status}`;
  if (status >= 500 || status === 429 || status === 408) {
    return new Unavailable(`${said}. Try again; if it goes on, look at the host`);
  }
  if (status === 401 || status === 403) {
    return new InvalidArgument(
      `${said}: it does not let this reader have the object. Make the store's objects public, or check its URL; a bucket ` +
        "that is not public is opened by s3://",
    );
  }
  return new InvalidArgument(`${said}. Check the store's URL, and that the host serves files by GET`);
}

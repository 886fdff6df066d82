/**
 * One HTTP request, as every store over HTTP sends it: `fetch` (Node and browsers alike), no redirect followed, no cache
 * used, a time limit, the caller's signal honoured, and a body that is read with a bound. It is sent once: retries belong
 * to whoever knows that an operation is safe to repeat. (A browser may itself send a request again when a connection that
 * it kept open turns out to be closed, a PUT too; whoever puts reads back, so that does no harm.)
 *
 * A failure to get an answer, or all of it, is `Unavailable`, with what `fetch` threw as its `cause`.
 */
import { onAbort } from "../core/abort.js";
import { Aborted, InvalidArgument, throwIfAborted, Unavailable } from "../core/errors.js";

export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** A slow line gets a second more for so many bytes; one that is slower than this, or stalls, runs into the limit. */
const SLOWEST_BYTES_PER_SECOND = 64 << 10;
/** A buffer of that size is made when an answer says it is longer; it grows as bytes arrive, not as they are promised. */
const FIRST_BUFFER_BYTES = 32 << 20;

export interface HttpOptions {
  /** How long a request may take, 30 s by default, and a second more for each 64 KiB that is sent or has arrived. */
  readonly requestTimeoutMs?: number | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers?: HeadersInit | undefined;
  readonly body?: Uint8Array | undefined;
  /** What is done to which object, as messages begin with it. Holds no credentials. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** How much of a body is read, and where to. */
export interface BodyRead {
  /** An answer that is longer is an error. */
  readonly limitBytes: number;
  /** The length that was promised, where one was: any other is an error. */
  readonly expectedBytes?: number | undefined;
  /** Memory for the body, at least as long as `limitBytes`. */
  readonly into?: Uint8Array | undefined;
}

export class HttpClient {
  readonly #timeoutMs: number;
  readonly #fetch: typeof globalThis.fetch;

  constructor({ requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, fetch }: HttpOptions = {}) {
    if (!Number.isFinite(requestTimeoutMs) || requestTimeoutMs < 1 || requestTimeoutMs > MAX_TIMEOUT_MS) {
      throw new InvalidArgument(
        `requestTimeoutMs ${String(requestTimeoutMs)}: must be milliseconds from 1 to ${MAX_TIMEOUT_MS}`,
      );
    }
    this.#timeoutMs = requestTimeoutMs;
    this.#fetch = fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /**
   * Sends the request and gives its answer to `receive`, which reads what it wants of the body; the rest is cancelled.
   *
   * @throws Unavailable, Aborted, and what `receive` throws.
   */
  async send<T>(request: HttpRequest, receive: (answer: HttpAnswer) => Promise<T> | T): Promise<T> {
    throwIfAborted(request.signal, request.what);
    const exchange = new Exchange(request, this.#timeoutMs);
    try {
      return await receive(await exchange.start(this.#fetch));
    } finally {
      exchange.end();
    }
  }
}

/** A request on its way, with its time limit. */
class Exchange {
  readonly request: HttpRequest;
  readonly #timeoutMs: number;
  readonly #controller = new AbortController();
  readonly #endWait: () => void;
  #deadline: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timedOut = false;
  /** The answer has arrived to its last byte: nothing is left to cancel, and the connection can be used again. */
  complete = false;

  constructor(request: HttpRequest, timeoutMs: number) {
    this.request = request;
    this.#timeoutMs = timeoutMs;
    this.#deadline = performance.now() + timeoutMs;
    this.extend(request.body?.length ?? 0);
    this.#watch();
    this.#endWait = onAbort(request.signal, () => this.#controller.abort());
  }

  async start(fetch: typeof globalThis.fetch): Promise<HttpAnswer> {
    const { method, url, headers, body } = this.request;
    const init: RequestInit = {
      method,
      redirect: "manual",
      // Heads are overwritten and absent objects appear, so a cached answer may be an old one; and Chromium, where it may
      // cache, reads ranges of one URL one after another. What is worth keeping is kept by the caches above, verified.
      cache: "no-store",
      signal: this.#controller.signal,
    };
    if (headers) init.headers = headers;
    if (body) init.body = sendable(body);
    const response = await this.settle(fetch(url, init));
    return new HttpAnswer(response, this);
  }

  /** What `fetch` or a body gave, or this exchange's error for what they threw. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  extend(bytes: number): void {
    this.#deadline += (bytes / SLOWEST_BYTES_PER_SECOND) * 1000;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#endWait();
    if (!this.complete) this.#controller.abort();
  }

  #watch(): void {
    const leftMs = this.#deadline - performance.now();
    this.#timedOut = leftMs <= 0;
    if (this.#timedOut) this.#controller.abort();
    else this.#timer = setTimeout(() => this.#watch(), Math.min(Math.ceil(leftMs), MAX_TIMEOUT_MS));
  }

  #failure(error: unknown): Aborted | Unavailable {
    const { what, url, signal, method } = this.request;
    const applied = method === "GET" ? "" : " It may or may not have been applied.";
    if (signal?.aborted) return new Aborted(`${what} was aborted.${applied}`, { cause: signal.reason });
    const host = hostOf(url);
    if (this.#timedOut) {
      return new Unavailable(
        `${what}: ${host} did not answer in full within ${this.#timeoutMs} ms.${applied} ` +
          "Try again, or allow more time (requestTimeoutMs)",
      );
    }
    const code = systemCode(error);
    const hint =
      code === undefined
        ? "Check the network; in a browser also that the host's CORS headers allow this page to read it"
        : "Try again; if it goes on, check the store's URL and the network";
    return new Unavailable(`${what}: the connection to ${host} failed${code ? ` (${code})` : ""}.${applied} ${hint}`, {
      cause: error,
    });
  }
}

/** The status and headers of an answer, and its body, which can be read once. */
export class HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Where a redirect leads, which is never followed: the host and path, as far as the platform tells. */
  readonly redirect: { readonly to: string } | undefined;
  readonly #body: ReadableStream<Uint8Array> | null;
  readonly #exchange: Exchange;

  constructor(response: Response, exchange: Exchange) {
    this.status = response.status;
    this.headers = response.headers;
    this.redirect = redirectOf(response, exchange.request.url);
    this.#body = response.body;
    this.#exchange = exchange;
    if (response.body === null) exchange.complete = true;
  }

  /** The whole body: a view of `into` where that was given. @throws Unavailable where it is not as long as promised. */
  async read({ limitBytes, expectedBytes, into }: BodyRead): Promise<Uint8Array> {
    const limit = Math.min(limitBytes, expectedBytes ?? limitBytes);
    let target = into ?? new Uint8Array(Math.min(expectedBytes ?? 0, FIRST_BUFFER_BYTES));
    let received = 0;
    for await (const chunk of this.#chunks()) {
      const end = received + chunk.length;
      if (end > limit) throw this.#wrongLength(`more than ${limit} bytes`, expectedBytes);
      if (end > target.length) target = grown(target, received, Math.min(Math.max(end, 2 * target.length), limit));
      target.set(chunk, received);
      received = end;
    }
    if (expectedBytes !== undefined && received !== expectedBytes) {
      throw this.#wrongLength(`${received} bytes`, expectedBytes);
    }
    // A copy where memory would be held that nobody uses: an answer that did not say its length.
    if (into === undefined && received < target.length) return target.slice(0, received);
    return target.subarray(0, received);
  }

  /** The beginning of the body as text, for error messages: at most `limitBytes` of it. */
  async text(limitBytes: number): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    let received = 0;
    for await (const chunk of this.#chunks()) {
      text += decoder.decode(chunk.subarray(0, limitBytes - received), { stream: true });
      if ((received += chunk.length) > limitBytes) break;
    }
    return text + decoder.decode();
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    if (this.#body === null) return;
    const reader = this.#body.getReader();
    for (;;) {
      const { done, value } = await this.#exchange.settle(reader.read());
      if (done) break;
      this.#exchange.extend(value.length);
      yield value;
    }
    this.#exchange.complete = true;
  }

  #wrongLength(found: string, expectedBytes: number | undefined): Unavailable {
    const { what, url } = this.#exchange.request;
    const promised = expectedBytes === undefined ? "" : ` where it had promised ${expectedBytes}`;
    return new Unavailable(
      `${what}: ${hostOf(url)} sent ${found}${promised}. Try again; if it goes on, look for a proxy that cuts answers`,
    );
  }
}

/** For messages. */
export function hostOf(url: string): string {
  return new URL(url).host;
}

function redirectOf(response: Response, url: string): { to: string } | undefined {
  // Browsers hide where a redirect leads.
  if (response.type === "opaqueredirect") return { to: "another place" };
  if (response.status < 300 || response.status > 399 || response.status === 304) return undefined;
  const location = response.headers.get("location");
  if (location === null || !URL.canParse(location, url)) return { to: "another place" };
  const { protocol, host } = new URL(location, url);
  return { to: host === "" ? protocol : `${protocol}//${host}` };
}

function grown(target: Uint8Array, used: number, length: number): Uint8Array {
  const larger = new Uint8Array(length);
  larger.set(target.subarray(0, used));
  return larger;
}

/** `fetch` takes no shared memory. */
function sendable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** The name of the system's error under a failed `fetch`, such as ECONNRESET. Browsers give none. */
function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  }
  return undefined;
}

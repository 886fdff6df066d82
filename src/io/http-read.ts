/**
 * Reads an object, or a range of it, by one GET, and believes nothing that the answer says without checking it.
 *
 *     asked                     right answers
 *     Range: bytes=a-b          206 with Content-Range: bytes a-c/total, where c = min(b, total - 1), and c - a + 1 bytes;
 *                               416 where the object ends at or before a
 *     Range: bytes=0- (whole)   the same; or 200 and a body of Content-Length bytes; 416 where the object is empty
 *
 * A whole object is asked for as a range because an answer of 206 says how long the object is, so that a body cut short is
 * noticed, and because `fetch` then asks for the identity encoding, which a page in a browser cannot do by itself. Both
 * forms of range need no CORS preflight.
 */
import { Corrupt, InvalidArgument } from "../core/errors.js";
import { type HttpAnswer, type HttpClient, hostOf } from "./http-request.js";

/** As for every store: an object is smaller than 2 GiB. */
const MAX_OBJECT_BYTES = 2 ** 31 - 1;
/** Of an answer that does not say how long it is. Segments have 16 MiB at most. */
const MAX_UNSAID_BYTES = 64 << 20;

export interface ObjectRead {
  readonly key: string;
  readonly url: string;
  readonly headers?: Headers | undefined;
  /** How messages begin, such as "reading s3://bucket/c/1". */
  readonly what: string;
  readonly start: number;
  /** `undefined`: to the object's end. */
  readonly length: number | undefined;
  readonly into?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param otherwise Settles an answer that holds no bytes of an object: any status but 200, 206 and 416, and a page of HTML.
 * @returns the bytes, fewer than asked for only where the object ends; or what `otherwise` gives.
 */
export function readObject(
  client: HttpClient,
  read: ObjectRead,
  otherwise: (answer: HttpAnswer) => Promise<undefined>,
): Promise<Uint8Array | undefined> {
  const { url, what, signal, start, length } = read;
  // Of no length: one byte is asked for, to learn whether there is an object.
  const end = length === undefined ? Number.POSITIVE_INFINITY : start + Math.max(length, 1);
  const last = end === Number.POSITIVE_INFINITY ? "" : Math.min(end - 1, Number.MAX_SAFE_INTEGER);
  const headers = new Headers(read.headers);
  headers.set("range", `bytes=${start}-${last}`);
  return client.send({ method: "GET", url, headers, what, signal }, async (answer) => {
    if (answer.status === 416) return beyondEnd(read, answer);
    if ((answer.status !== 200 && answer.status !== 206) || isPage(answer)) return otherwise(answer);
    refuseEncoding(read, answer);
    if (answer.status === 200) return readWhole(read, answer);
    const found = checkRangeAnswer(read, answer, end);
    if (length === 0) {
      await answer.read({ limitBytes: 1, expectedBytes: 1 });
      return read.into?.subarray(0, 0) ?? new Uint8Array(0);
    }
    return answer.read({ limitBytes: found, expectedBytes: found, into: read.into });
  });
}

/** Whether an answer is a page for people: no object of a store is. */
export function isPage(answer: HttpAnswer): boolean {
  return /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(answer.headers.get("content-type") ?? "");
}

/** Where `answer` is a page instead of bytes. */
export function pageError(what: string, url: string): InvalidArgument {
  return new InvalidArgument(
    `${what}: ${hostOf(url)} answered with a page of HTML, not with the object. A proxy or a sign-in page may stand in ` +
      "between, or the host answers so for what it does not have: open the URL in a browser, and check the store's URL",
  );
}

async function beyondEnd({ what, url, start, into }: ObjectRead, answer: HttpAnswer): Promise<Uint8Array> {
  const total = /^bytes \*\/(\d{1,15})$/.exec(answer.headers.get("content-range") ?? "")?.[1];
  if (total !== undefined && Number(total) > start) {
    throw new InvalidArgument(
      `${what}: ${hostOf(url)} refused the range from byte ${start} of an object that it says has ${total}. ${RANGES_NEEDED}`,
    );
  }
  await answer.text(MAX_ERROR_BYTES);
  return into?.subarray(0, 0) ?? new Uint8Array(0);
}

async function readWhole(read: ObjectRead, answer: HttpAnswer): Promise<Uint8Array> {
  if (read.length !== undefined) {
    throw new InvalidArgument(
      `${read.what}: ${hostOf(read.url)} answered a request for ${read.length} bytes from ${read.start} with the whole ` +
        `object (status 200). ${RANGES_NEEDED}`,
    );
  }
  const said = answer.headers.get("content-length");
  if (said === null || !/^\d{1,15}$/.test(said)) return answer.read({ limitBytes: MAX_UNSAID_BYTES });
  return answer.read({ limitBytes: MAX_OBJECT_BYTES, expectedBytes: checkSize(read, Number(said)) });
}

/** The number of bytes that the answer holds. `end` is what was asked for, exclusive. */
function checkRangeAnswer(read: ObjectRead, answer: HttpAnswer, end: number): number {
  const text = answer.headers.get("content-range");
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(text ?? "");
  const refuse = (what: string) =>
    new InvalidArgument(
      `${read.what}: ${hostOf(read.url)} answered a request for bytes ${read.start} to ${end - 1} ${what}. ${RANGES_NEEDED}`,
    );
  if (match === null) {
    // Of another origin, a browser shows no header that was not exposed.
    if (text === null) {
      throw refuse(
        'without saying which bytes it sends (Content-Range; in a browser the host must send "Access-Control-Expose-Headers: ' +
          'Content-Range, ETag")',
      );
    }
    throw refuse(`with Content-Range ${shown(text)}`);
  }
  const [first, last] = [Number(match[1]), Number(match[2])];
  const total = match[3] === "*" ? Number.POSITIVE_INFINITY : Number(match[3]);
  if (first !== read.start || last + 1 !== Math.min(end, total)) throw refuse(`with Content-Range ${shown(text!)}`);
  return checkSize(read, last + 1 - first);
}

function checkSize({ key }: ObjectRead, bytes: number): number {
  if (bytes <= MAX_OBJECT_BYTES) return bytes;
  const place = { key, byteOffset: 0, expected: "an object under 2 GiB", actual: `${bytes} bytes` };
  throw new Corrupt("not an object", place);
}

function refuseEncoding({ what, url }: ObjectRead, answer: HttpAnswer): void {
  const encoding = answer.headers.get("content-encoding");
  if (encoding === null || encoding === "" || encoding.toLowerCase() === "identity") return;
  throw new InvalidArgument(
    `${what}: ${hostOf(url)} sent it with Content-Encoding ${shown(encoding)}, though asked not to. Turn compression off for ` +
      "the store's objects, on the host and on what stands before it",
  );
}

/** So much of an error's body is read: to know it, and to use the connection again. */
export const MAX_ERROR_BYTES = 64 << 10;

const RANGES_NEEDED = "A store needs a host that answers range requests as asked: use another, or turn them on";

const shown = (text: string) => JSON.stringify(text.slice(0, 80));

/**
 * Signature V4 of a request to S3, by aws4fetch. Over https the content is not signed (UNSIGNED-PAYLOAD): TLS already
 * holds it, and a segment of 16 MiB need not be hashed once more. Over http it is, so that nobody on the way can change
 * what is written. Without credentials nothing is signed.
 */
import { AwsV4Signer } from "aws4fetch";
import { InvalidArgument } from "../core/errors.js";
import { toHex } from "../core/ids.js";
import type { S3Credentials } from "./s3-options.js";

const UNSIGNED = "UNSIGNED-PAYLOAD";
/** SHA-256 of nothing: the content of every read. */
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export class S3Signer {
  readonly #credentials: S3Credentials | undefined;
  readonly #region: string;
  readonly #secure: boolean;
  /** The signing key of the day. */
  readonly #keys = new Map<string, ArrayBuffer>();

  /** @throws InvalidArgument where the platform cannot sign. */
  constructor(credentials: S3Credentials | undefined, region: string, bucketUrl: string) {
    if (credentials !== undefined && globalThis.crypto?.subtle === undefined) {
      throw new InvalidArgument(
        `signing requests to ${new URL(bucketUrl).host}: a browser signs only on pages that came over https or from ` +
          "localhost. Serve the page so, or read a public bucket without credentials",
      );
    }
    this.#credentials = credentials;
    this.#region = region;
    this.#secure = bucketUrl.startsWith("https:");
  }

  get signs(): boolean {
    return this.#credentials !== undefined;
  }

  /** The headers to send. */
  async sign(method: string, url: string, headers: Record<string, string>, body?: Uint8Array): Promise<Headers> {
    if (this.#credentials === undefined) return new Headers(headers);
    const content = this.#secure ? UNSIGNED : body === undefined ? NOTHING : await hexSha256(body);
    if (this.#keys.size > 1) this.#keys.clear();
    const signer = new AwsV4Signer({
      ...this.#credentials,
      method,
      url,
      headers: { ...headers, "x-amz-content-sha256": content },
      service: "s3",
      region: this.#region,
      cache: this.#keys,
      allHeaders: false,
    });
    return (await signer.sign()).headers;
  }
}

async function hexSha256(bytes: Uint8Array): Promise<string> {
  // Not over shared memory, which `subtle` refuses.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", own)));
}

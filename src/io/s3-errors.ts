/**
 * What an S3 server's refusal means to a caller. A refusal is a status and, in the XML of its body, a code. Its message is
 * not repeated: servers put the access key id, the signature and what was signed into it.
 */
import { InvalidArgument, NoSpace, NotFound, type PalimpsestError, ReadOnly, Unavailable } from "../core/errors.js";
import { isPage, MAX_ERROR_BYTES, pageError } from "./http-read.js";
import type { HttpAnswer } from "./http-request.js";
import { elementText } from "./s3-xml.js";

export interface S3Refusal {
  readonly status: number;
  /** Such as "NoSuchKey"; `undefined` where the answer has none. */
  readonly code: string | undefined;
  /** Where the server says that the bucket lies in another region. */
  readonly region: string | undefined;
  /** Where a redirect leads. */
  readonly redirect: string | undefined;
  /** The answer is a page for people. */
  readonly page: boolean;
}

/** What was asked, for the message. */
export interface S3Call {
  readonly what: string;
  readonly url: string;
  readonly bucket: string;
  readonly write: boolean;
  /** Whether it was signed with credentials. */
  readonly signed: boolean;
}

const CREDENTIAL_CODES: Readonly<Record<string, string>> = {
  InvalidAccessKeyId:
    "the server does not know the access key id. Check AWS_ACCESS_KEY_ID, and that the endpoint is right",
  SignatureDoesNotMatch:
    "the signature is wrong. Check AWS_SECRET_ACCESS_KEY and the region, and that no proxy changes requests",
  ExpiredToken: "the session token has expired. Get new credentials and open the store again",
  TokenRefreshRequired: "the session token has expired. Get new credentials and open the store again",
  InvalidToken: "the session token is wrong. Check AWS_SESSION_TOKEN: it belongs to its access key id",
  InvalidClientTokenId: "the server does not know these credentials. Check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN",
  RequestTimeTooSkewed: "this machine's clock is too far from the server's. Set the clock",
  RequestExpired: "this machine's clock is too far from the server's. Set the clock",
};

/** They may pass, whatever their status. */
const PASSING_CODES = [
  "SlowDown",
  "RequestTimeout",
  "InternalError",
  "ServiceUnavailable",
  "OperationAborted",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
];

export async function readRefusal(answer: HttpAnswer): Promise<S3Refusal> {
  const text = await answer.text(MAX_ERROR_BYTES);
  return {
    status: answer.status,
    code: word(elementText(text, "Code")),
    region: word(answer.headers.get("x-amz-bucket-region") ?? elementText(text, "Region")),
    redirect: answer.redirect?.to,
    page: isPage(answer),
  };
}

/** The error that a refusal is, once its caller has settled what is no error to it. */
export function refusalError(refusal: S3Refusal, { what, url, bucket, write, signed }: S3Call): PalimpsestError {
  const { status, code, region, redirect, page } = refusal;
  const host = new URL(url).host;
  const said = `${what}: ${host} answered ${code ?? `with status ${status}`}`;
  const unknown = write ? "It may or may not have been applied. " : "";

  if (redirect !== undefined || code === "PermanentRedirect" || code === "AuthorizationHeaderMalformed") {
    const place =
      region !== undefined ? `the bucket ${bucket} lies in region ${region}. Set it (option region, AWS_REGION)` : "";
    const elsewhere = `it leads to ${redirect ?? "another place"}, and redirects are not followed. Check region and endpoint of bucket ${bucket}`;
    return new InvalidArgument(`${said}: ${place || elsewhere}`);
  }
  if (write && status >= 200 && status < 300) {
    return new Unavailable(`${said}, but not as S3 does. ${unknown}${PROXY}`);
  }
  if (code === "QuotaExceeded" || status === 507) {
    return new NoSpace(
      `${said}: the quota of bucket ${bucket} or the server's disk is full. Free some space and try again`,
    );
  }
  if (status === 501 && write) {
    return new ReadOnly(`${said}: it cannot do what commits need (PUT with If-None-Match). Use another S3 server`);
  }
  if (status >= 500 || status === 429 || status === 408 || (code !== undefined && PASSING_CODES.includes(code))) {
    return new Unavailable(`${said}. ${unknown}Try again; if it goes on, look at the server`);
  }
  if (code === "NoSuchBucket") {
    return new NotFound(
      `${said}: there is no bucket ${bucket}. Create it, or check its name, the region and the endpoint`,
    );
  }
  if (code !== undefined && code in CREDENTIAL_CODES) {
    return new InvalidArgument(`${said} for bucket ${bucket}: ${CREDENTIAL_CODES[code]}`);
  }
  if (page) return pageError(what, url);
  if (status === 401 || status === 403) {
    const who = signed ? "these credentials" : "requests without credentials";
    if (write) {
      return new ReadOnly(
        `${said}: bucket ${bucket} does not let ${who} write. Allow s3:PutObject and s3:DeleteObject`,
      );
    }
    return new InvalidArgument(
      `${said}: bucket ${bucket} does not let ${who} read this. Allow s3:GetObject, and s3:ListBucket, without which an ` +
        "absent object looks forbidden",
    );
  }
  if (status === 404) return new NotFound(`${said}: check the endpoint, and the name of bucket ${bucket}`);
  return new InvalidArgument(`${said} for bucket ${bucket}. Check the endpoint, the region and the store's URL`);
}

const PROXY = "A proxy or a sign-in page may stand in between: check the endpoint";

/** A short plain word of an answer, which may be shown. */
function word(text: string | null | undefined): string | undefined {
  return text !== null && text !== undefined && /^[A-Za-z0-9.-]{1,64}$/.test(text) ? text : undefined;
}

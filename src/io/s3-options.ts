/**
 * What an S3 store is opened with: a URL `s3://bucket/prefix`, options, and the environment variables that every S3 tool
 * reads. Options win. All is checked here, so that nothing odd reaches a URL or a header, and no message repeats a secret.
 */
import { InvalidArgument } from "../core/errors.js";
import { parseHttpUrl, showUrl } from "./http-url.js";

export interface S3Options {
  /** A server other than AWS's: `https://host`, `http://127.0.0.1:9000`. Then the bucket is the first part of the path. */
  readonly endpoint?: string | undefined;
  /** "us-east-1" by default. */
  readonly region?: string | undefined;
  /** Without credentials, requests are not signed: for reading public buckets. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** `https://host/bucket/key` rather than `https://bucket.host/key`. By default with an endpoint, not on AWS. */
  readonly pathStyle?: boolean | undefined;
}

/** The part of a URL that names the objects of a store. */
export interface S3Place {
  readonly bucket: string;
  /** Without a slash at either end; empty for the whole bucket. */
  readonly prefix?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** Everything checked and decided. */
export interface S3Setup {
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string;
  /** As the URL of a host, without a slash at its end; `undefined` for AWS. */
  readonly endpoint: string | undefined;
  /** The bucket's own URL, without a slash at its end. */
  readonly bucketUrl: string;
  readonly credentials: S3Credentials | undefined;
}

const BUCKET = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/;
const PREFIX_PART = /^[A-Za-z0-9._~=-]+$/;
/** With a slash and the longest key of a store, still within the 1,024 bytes that S3 allows. */
const MAX_PREFIX_LENGTH = 500;
const REGION = /^[a-z0-9-]{1,64}$/i;
/** What may stand in a header: anything else would be refused by `fetch` with the value in its message. */
const HEADER_VALUE = /^[\x21-\x7e]+$/;
const ENDPOINT = "S3 endpoint (option endpoint, AWS_ENDPOINT_URL_S3)";
const USAGE = 'write "s3://bucket" or "s3://bucket/prefix"';

/** @throws InvalidArgument unless it is `s3://bucket`, with a prefix of plain characters or without. */
export function parseS3Url(url: string): { bucket: string; prefix: string } {
  const refuse = (why: string) => new InvalidArgument(`store ${showUrl(url)}: ${why}; ${USAGE}`);
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(url);
  if (match === null) throw refuse("is not the URL of a bucket");
  if (match[1].includes("@")) {
    throw refuse("must hold no credentials (give them by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)");
  }
  if (/[?#]/.test(url)) throw refuse("must hold no query or fragment (endpoint and region are options)");
  const prefix = (match[2] ?? "").replace(/\/$/, "");
  if (!isBucket(match[1])) throw refuse(BAD_BUCKET);
  if (!isPrefix(prefix)) throw refuse(BAD_PREFIX);
  return { bucket: match[1], prefix };
}

/** What the environment says, where the options say nothing. */
export function withEnvironment(options: S3Options, env: Environment): S3Options {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = env;
  // An empty variable is one that is not set. Credentials come all from one place: a token belongs to its key.
  const given = options.accessKeyId !== undefined || options.secretAccessKey !== undefined;
  return {
    endpoint: options.endpoint ?? (AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || undefined),
    region: options.region ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined),
    accessKeyId: given ? options.accessKeyId : env.AWS_ACCESS_KEY_ID || undefined,
    secretAccessKey: given ? options.secretAccessKey : env.AWS_SECRET_ACCESS_KEY || undefined,
    sessionToken: given ? options.sessionToken : (options.sessionToken ?? (env.AWS_SESSION_TOKEN || undefined)),
    pathStyle: options.pathStyle,
  };
}

/** @throws InvalidArgument naming the option or variable that is wrong. */
export function checkS3Options({ bucket, prefix = "", ...options }: S3Place & S3Options): S3Setup {
  if (!isBucket(bucket)) throw new InvalidArgument(`bucket ${showUrl(bucket)}: ${BAD_BUCKET}`);
  if (!isPrefix(prefix)) throw new InvalidArgument(`prefix ${showUrl(prefix)} in bucket ${bucket}: ${BAD_PREFIX}`);
  const { region = "us-east-1" } = options;
  if (!REGION.test(region)) {
    throw new InvalidArgument(
      `the region of bucket ${bucket} (option region, AWS_REGION) must be a name such as us-east-1`,
    );
  }
  const endpoint = options.endpoint === undefined ? undefined : parseHttpUrl(options.endpoint, ENDPOINT);
  const bucketUrl = bucketUrlOf(bucket, region, endpoint, options.pathStyle);
  return { bucket, prefix, region, endpoint, bucketUrl, credentials: credentialsOf(options) };
}

function bucketUrlOf(
  bucket: string,
  region: string,
  endpoint: string | undefined,
  pathStyle: boolean | undefined,
): string {
  // A certificate for *.s3.… does not cover a bucket with a dot in its name, and host names know no capitals.
  const asPath = pathStyle ?? (endpoint !== undefined || !/^[a-z0-9-]+$/.test(bucket));
  const root = endpoint ?? `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  return asPath ? `${root}/${bucket}` : root.replace("://", `://${bucket}.`);
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3Options): S3Credentials | undefined {
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined) throw credentialError("accessKeyId (AWS_ACCESS_KEY_ID) is missing");
  if (secretAccessKey === undefined) throw credentialError("secretAccessKey (AWS_SECRET_ACCESS_KEY) is missing");
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey, sessionToken })) {
    if (value !== undefined && !HEADER_VALUE.test(value)) {
      throw credentialError(`${name} holds a space, a line end or another character that none can have`);
    }
  }
  return { accessKeyId, secretAccessKey, sessionToken };
}

const credentialError = (why: string) =>
  new InvalidArgument(`S3 credentials: ${why}. Give accessKeyId and secretAccessKey, or none for a public bucket`);

const BAD_BUCKET = "a bucket's name has 3 to 63 letters, digits, dots, hyphens and underscores";
const BAD_PREFIX = `a prefix has "/"-separated parts of letters, digits and "._~=-", none empty, "." or "..", ${MAX_PREFIX_LENGTH} characters at most`;

const isBucket = (bucket: string) => typeof bucket === "string" && BUCKET.test(bucket);

function isPrefix(prefix: string): boolean {
  if (prefix === "") return true;
  if (typeof prefix !== "string" || prefix.length > MAX_PREFIX_LENGTH) return false;
  return prefix.split("/").every((part) => PREFIX_PART.test(part) && part !== "." && part !== "..");
}

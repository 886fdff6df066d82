/**
 * A small S3 on loopback, in memory: GET with ranges, PUT with If-None-Match, DELETE, ListObjectsV2, path and virtual-host
 * style. It checks every signature by its own reading of the specification (AWS Signature Version 4), the content's hash
 * with it, and can do what a real server is seldom in the mood for: see `S3ServerOptions`, and `onRequest`.
 */
import { createHash, createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type RunningServer, type ServedRequest, type ServerOptions, sendObject, serve } from "./http-server.js";

export const TEST_CREDENTIALS = {
  accessKeyId: "AKIDTESTONLY0001",
  secretAccessKey: "test/secret+Key0123456789abcdefghijklmno",
} as const;

export interface S3ServerOptions extends ServerOptions {
  readonly bucket?: string;
  readonly region?: string;
  /** Whoever signs with these may do everything. */
  readonly credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** What requests without a signature may do. */
  readonly anonymous?: "nothing" | "read" | "all";
  /** Whether an absent object may be told from one that is forbidden. */
  readonly mayList?: boolean;
  readonly keysPerPage?: number;
  readonly bareEtags?: boolean;
}

export interface S3Server extends RunningServer {
  readonly bucket: string;
  readonly objects: Map<string, { bytes: Uint8Array; modified: Date }>;
}

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const { bucket = "pages", anonymous = "nothing", mayList = true, keysPerPage = 1000, bareEtags = false } = options;
  const objects: S3Server["objects"] = new Map();
  const running = await serve((request, response) => {
    const refusal = refuse(request, options, anonymous);
    if (refusal) return sendError(response, ...refusal);
    const { host = "" } = request.headers;
    const named = host.startsWith(`${bucket}.`);
    const [first, ...rest] = request.path.split("/");
    if (!named && first !== bucket) return sendError(response, 404, "NoSuchBucket");
    const key = named ? request.path : rest.join("/");
    if (request.method === "GET" && key === "") return sendList(request, response, objects, keysPerPage);
    const found = objects.get(key);
    const etag = (bytes: Uint8Array) => {
      const md5 = createHash("md5").update(bytes).digest("hex");
      return bareEtags ? md5 : `"${md5}"`;
    };
    switch (request.method) {
      case "GET":
        if (found === undefined) {
          return mayList ? sendError(response, 404, "NoSuchKey") : sendError(response, 403, "AccessDenied");
        }
        response.setHeader("ETag", etag(found.bytes));
        return sendObject(request, response, found.bytes);
      case "PUT":
        if (request.headers["if-none-match"] === "*" && found) return sendError(response, 412, "PreconditionFailed");
        objects.set(key, { bytes: request.body, modified: new Date() });
        response.writeHead(200, { ETag: etag(request.body), "Content-Length": 0 }).end();
        return;
      case "DELETE":
        objects.delete(key);
        response.writeHead(204).end();
        return;
      default:
        return sendError(response, 405, "MethodNotAllowed");
    }
  }, options);
  return Object.assign(running, { bucket, objects });
}

/** As S3 writes it, with what a message must not repeat. */
export function sendError(response: ServerResponse, status: number, code: string, more = ""): void {
  const { authorization = "" } = response.req.headers;
  const xml =
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>refused: ${authorization}</Message>` +
    `<AWSAccessKeyId>${TEST_CREDENTIALS.accessKeyId}</AWSAccessKeyId>${more}<RequestId>0A</RequestId></Error>`;
  response.writeHead(status, { "Content-Type": "application/xml", "Content-Length": Buffer.byteLength(xml) }).end(xml);
}

function sendList(
  { url }: ServedRequest,
  response: ServerResponse,
  objects: S3Server["objects"],
  keysPerPage: number,
): void {
  const ask = (name: string) => url.searchParams.get(name) ?? "";
  const after = Buffer.from(ask("continuation-token"), "base64url").toString();
  const encode =
    ask("encoding-type") === "url"
      ? (key: string) => encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+")
      : (key: string) => key.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const keys = [...objects.keys()]
    .filter(
      (key) =>
        key.startsWith(ask("prefix")) && (after === "" || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0),
    )
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const page = keys.slice(0, Math.min(keysPerPage, Number(ask("max-keys"))));
  const truncated = page.length < keys.length;
  const token = Buffer.from(page.at(-1) ?? "").toString("base64url");
  const contents = page.map((key) => {
    const { bytes, modified } = objects.get(key)!;
    return (
      `<Contents><Key>${encode(key)}</Key><LastModified>${modified.toISOString()}</LastModified>` +
      `<ETag>&quot;0&quot;</ETag><Size>${bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`
    );
  });
  const xml =
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
    `<Name>x</Name><KeyCount>${page.length}</KeyCount><IsTruncated>${truncated}</IsTruncated>` +
    `${truncated ? `<NextContinuationToken>${token}</NextContinuationToken>` : ""}` +
    `${ask("encoding-type") === "url" ? "<EncodingType>url</EncodingType>" : ""}${contents.join("")}</ListBucketResult>`;
  response.writeHead(200, { "Content-Type": "application/xml", "Content-Length": Buffer.byteLength(xml) }).end(xml);
}

// Signatures

function refuse(
  request: ServedRequest,
  { credentials = TEST_CREDENTIALS, region = "us-east-1" }: S3ServerOptions,
  anonymous: "nothing" | "read" | "all",
): [status: number, code: string, more?: string] | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    return anonymous === "all" || (anonymous === "read" && request.method === "GET")
      ? undefined
      : [403, "AccessDenied"];
  }
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (match === null) return [400, "AuthorizationHeaderMalformed"];
  const [, accessKeyId, day, signedRegion, signedHeaders, signature] = match;
  if (signedRegion !== region) return [400, "AuthorizationHeaderMalformed", `<Region>${region}</Region>`];
  if (accessKeyId !== credentials.accessKeyId) return [403, "InvalidAccessKeyId"];
  const header = (name: string) => String(request.headers[name] ?? "");
  if (header("x-amz-security-token") !== ((credentials as { sessionToken?: string }).sessionToken ?? "")) {
    return [400, "InvalidToken"];
  }
  const names = signedHeaders.split(";");
  const mustBeSigned = Object.keys(request.headers).filter(
    (name) => name.startsWith("x-amz-") || name === "if-none-match",
  );
  if (!["host", ...mustBeSigned].every((name) => names.includes(name))) return [403, "AccessDenied"];
  const hex = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");
  const content = header("x-amz-content-sha256");
  if (content !== "UNSIGNED-PAYLOAD" && content !== hex(request.body)) return [400, "XAmzContentSHA256Mismatch"];
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...request.url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const canonical = [
    request.method,
    `/${request.path.split("/").map(encode).join("/")}`,
    query,
    ...names.map((name) => `${name}:${header(name).trim()}`),
    "",
    signedHeaders,
    content,
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", header("x-amz-date"), scope, hex(canonical)].join("\n");
  const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
  const keys = [day, region, "s3", "aws4_request"];
  const key = keys.reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  if (hmac(key, toSign).toString("hex") !== signature) return [403, "SignatureDoesNotMatch"];
  if (Math.abs(Date.parse(isoTime(header("x-amz-date"))) - Date.now()) > 15 * 60_000)
    return [403, "RequestTimeTooSkewed"];
  return undefined;
}

const isoTime = (basic: string) => basic.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");

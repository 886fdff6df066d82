/** Answers of hosts, proxies and networks that do wrong, for the `onRequest` of a test's server. */
import { gzipSync } from "node:zlib";
import { type OnRequest, sendStatus } from "./http-server.js";

const PAGE = "<!doctype html><html><title>Sign in</title><body>Please sign in to the café's network</body></html>";

/** A page where an object should be. */
export const page =
  (status = 200): OnRequest =>
  (_request, response) => {
    response.writeHead(status, {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Length": Buffer.byteLength(PAGE),
    });
    response.end(PAGE);
    return true;
  };

export const status =
  (code: number, headers: Record<string, string> = {}): OnRequest =>
  (_request, response) => {
    sendStatus(response, code, headers);
    return true;
  };

export const gzipped =
  (bytes: Uint8Array): OnRequest =>
  (_request, response) => {
    const body = gzipSync(bytes);
    response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": body.length });
    response.end(body);
    return true;
  };

/** These headers, and this much of a body, in chunks without a length unless the headers give one. */
export const answer =
  (code: number, headers: Record<string, string>, body: Uint8Array): OnRequest =>
  (_request, response) => {
    response.writeHead(code, { "Content-Type": "application/octet-stream", ...headers });
    response.end(body);
    return true;
  };

/** The headers and this much of the body; then the connection is cut. */
export const cutAfter =
  (code: number, headers: Record<string, string>, body: Uint8Array): OnRequest =>
  (_request, response) => {
    response.writeHead(code, { "Content-Type": "application/octet-stream", ...headers });
    response.write(body, () => setTimeout(() => response.destroy(), 20));
    return true;
  };

/** The headers and this much of the body; then nothing more, for ever. */
export const stallAfter =
  (code: number, headers: Record<string, string>, body: Uint8Array): OnRequest =>
  (_request, response) => {
    response.writeHead(code, { "Content-Type": "application/octet-stream", ...headers });
    response.flushHeaders();
    response.write(body);
    return true;
  };

export const reset: OnRequest = (_request, response) => {
  response.destroy();
  return true;
};

export const silence: OnRequest = () => true;

/** One byte after the other, slowly and for ever. */
export const drip =
  (code: number, headers: Record<string, string>, everyMs: number): OnRequest =>
  (_request, response) => {
    response.writeHead(code, { "Content-Type": "application/octet-stream", ...headers });
    const timer = setInterval(() => response.write("x"), everyMs);
    response.on("close", () => clearInterval(timer));
    return true;
  };

export interface EndlessFault {
  readonly onRequest: OnRequest;
  /** Bytes so far. */
  sent(): number;
  /** Resolves when the client has closed the connection. */
  readonly closed: Promise<void>;
}

/** A body without an end, as fast as it is read. */
export function endless(code: number, headers: Record<string, string>): EndlessFault {
  let sent = 0;
  let close = () => {};
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const chunk = new Uint8Array(1 << 20);
  const onRequest: OnRequest = (_request, response) => {
    response.writeHead(code, { "Content-Type": "application/octet-stream", ...headers });
    const more = () => {
      while (!response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) break;
      }
    };
    response.on("drain", more);
    response.on("close", close);
    more();
    return true;
  };
  return { onRequest, sent: () => sent, closed };
}

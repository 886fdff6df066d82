/**
 * A small web server on loopback that serves a folder, or objects in memory, by GET, HEAD and range requests as a good
 * host does. It notes every request, can answer late, and lets a test answer in its place:
 *
 *     const server = await startHttpServer({ folder, latencyMs: 20 });
 *     const server = await startHttpServer({ objects: new Map([["c/1", bytes]]), onRequest: ({ path }, response) => … });
 *     new HttpStore(server.url); server.requests; server.take(); await server.close();
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface ServedRequest {
  readonly method: string;
  /** Without the slash at its beginning, decoded. */
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of the answer; 0 until there is one. */
  status: number;
}

/** Answers itself and says so by `true`; otherwise the server goes on. */
export type OnRequest = (request: ServedRequest, response: ServerResponse) => boolean | undefined | Promise<boolean>;

export interface ServerOptions {
  /** Before every answer. Exchange it at any time through the server. */
  readonly latencyMs?: number | undefined;
  readonly onRequest?: OnRequest | undefined;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:40123`. */
  url: string;
  /** All requests so far, in order of their arrival. */
  requests: ServedRequest[];
  /** Connections that were ever opened. */
  connections: number;
  latencyMs: number;
  onRequest: OnRequest | undefined;
  /** What was requested since the last call. */
  take(): ServedRequest[];
  close(): Promise<void>;
}

export type Handler = (request: ServedRequest, response: ServerResponse) => void | Promise<void>;

export interface HttpServerOptions extends ServerOptions {
  readonly folder?: string | undefined;
  readonly objects?: ReadonlyMap<string, Uint8Array> | undefined;
}

export function startHttpServer({ folder, objects, ...options }: HttpServerOptions): Promise<RunningServer> {
  const find = async (path: string): Promise<Uint8Array | undefined> => {
    if (folder === undefined) return objects?.get(path);
    if (path.split("/").includes("..")) return undefined;
    return readFile(join(folder, path)).catch(() => undefined);
  };
  return serve(async (request, response) => {
    // What a page of another origin needs: GETs with a plain range ask for no preflight, so an OPTIONS is refused.
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Expose-Headers", "Content-Range, ETag");
    if (request.method !== "GET" && request.method !== "HEAD") return sendStatus(response, 405);
    const bytes = await find(request.path);
    if (bytes === undefined) return sendStatus(response, 404);
    sendObject(request, response, bytes);
  }, options);
}

/** Starts a server on a free port of loopback. */
export async function serve(handle: Handler, options: ServerOptions = {}): Promise<RunningServer> {
  const server = createServer((incoming, response) => {
    void answer(incoming, response).catch((error) => {
      // A test that cuts a connection makes writing fail; anything else shows as a broken answer.
      if (!response.destroyed) response.destroy(error);
    });
  });
  const running: RunningServer = {
    url: "",
    requests: [],
    connections: 0,
    latencyMs: options.latencyMs ?? 0,
    onRequest: options.onRequest,
    take() {
      const taken = running.requests;
      running.requests = [];
      return taken;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host}`);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const request: ServedRequest = {
      method: incoming.method ?? "",
      path: decodeURIComponent(url.pathname).slice(1),
      url,
      headers: incoming.headers,
      body: Buffer.concat(chunks),
      status: 0,
    };
    running.requests.push(request);
    if (running.latencyMs > 0) await sleep(running.latencyMs);
    const done = await running.onRequest?.(request, response);
    if (!done) await handle(request, response);
    request.status = response.statusCode;
  }

  server.on("connection", () => {
    running.connections++;
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  running.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return running;
}

/** The object, or the range of it that was asked for (RFC 9110, section 14). */
export function sendObject(request: ServedRequest, response: ServerResponse, bytes: Uint8Array): void {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  response.setHeader("Accept-Ranges", "bytes");
  if (!response.hasHeader("Content-Type")) response.setHeader("Content-Type", "application/octet-stream");
  let part = bytes;
  let status = 200;
  if (match) {
    const first = Number(match[1]);
    const end = match[2] === "" ? bytes.length : Math.min(Number(match[2]) + 1, bytes.length);
    if (first >= bytes.length) {
      response.setHeader("Content-Range", `bytes */${bytes.length}`);
      sendStatus(response, 416);
      return;
    }
    part = bytes.subarray(first, end);
    status = 206;
    response.setHeader("Content-Range", `bytes ${first}-${end - 1}/${bytes.length}`);
  }
  response.writeHead(status, { "Content-Length": part.length });
  response.end(request.method === "HEAD" ? undefined : part);
}

/** A status and nothing more than its number as text. */
export function sendStatus(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  const body = `${status}\n`;
  response.writeHead(status, { "Content-Type": "text/plain", "Content-Length": body.length, ...headers });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/**
 * An HTTP proxy over real sockets, before any S3 server, that fails as networks, proxies and servers do: requests that never
 * arrive, arrive cut, late or twice, and answers that are lost, false, cut or late. A plan says what happens to each request.
 *
 *     plan ──► FaultProxy ──► server
 *                 │  reset-before, stall, 429, 503       the server never sees the request
 *                 │  cut-request                         it sees the beginning of a PUT
 *                 │  late                                the connection is reset; the PUT arrives some time after that
 *                 │  lose-answer, stall-applied          applied, and no answer
 *                 │  500-, 409-, 412-applied             applied, and answered so
 *                 │  duplicate                           answered truthfully; the same PUT arrives again later
 *                 │  reset-answer, cut-answer            half of the body, then a reset, or the connection's end
 *                 │  short-answer                        half of the bytes of a range, as if that were all
 *                 │  whole-for-range                     200 with the whole object, asked for a range
 *                 └─ stale-list                          the first listing that was ever given for that query
 */
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.js";

/** A PUT with If-None-Match, any other PUT, a GET to the object's end, one of a part, a listing, a DELETE. */
export type RequestKind = "create" | "put" | "get" | "range" | "list" | "delete";

const READS: readonly RequestKind[] = ["get", "range", "list"];
const PUTS: readonly RequestKind[] = ["create", "put"];
const WRITES: readonly RequestKind[] = [...PUTS, "delete"];
const ALL: readonly RequestKind[] = [...READS, ...WRITES];

/** The faults, and the kinds of request that each can happen to. */
export const SOCKET_FAULTS = {
  "reset-before": ALL,
  stall: ALL,
  "429": ALL,
  "503": ALL,
  "cut-request": PUTS,
  late: PUTS,
  "lose-answer": WRITES,
  "stall-applied": WRITES,
  "500-applied": WRITES,
  "409-applied": ["create"],
  "412-applied": ["create"],
  duplicate: PUTS,
  "reset-answer": READS,
  "cut-answer": READS,
  "short-answer": ["get", "range"],
  "whole-for-range": ["range"],
  "stale-list": ["list"],
} as const satisfies Record<string, readonly RequestKind[]>;

export type SocketFault = keyof typeof SOCKET_FAULTS;

/** What happens to the next request. `path` is the URL's, with the bucket. */
export type SocketFaultPlan = (kind: RequestKind, path: string) => SocketFault | undefined;

export const NO_FAULTS: SocketFaultPlan = () => undefined;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Most late requests come soon, some when nobody thinks of them any more. */
const LATE_MS = 150;
const LATEST_MS = 1500;
/** Of every other late PUT, so many reads of its key fail: then its writer does not learn what became of it. */
const SILENT_READS = 4;
const REMEMBERED_LISTINGS = 1000;
const EMPTY_LISTING = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

export class FaultProxy implements AsyncDisposable {
  readonly endpoint: string;
  /** Exchange it at any time: `NO_FAULTS` ends the faults. */
  plan: SocketFaultPlan = NO_FAULTS;
  requests = 0;
  /** How often each fault happened, and how often to a write that the server then applied. */
  readonly hits = new Map<SocketFault, number>();
  readonly applied = new Map<SocketFault, number>();
  readonly #server: Server;
  readonly #target: URL;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #listings = new Map<string, Answer>();
  readonly #late = new Set<Promise<void>>();
  /** Paths of late PUTs, and how many reads of each still fail. */
  readonly #silent = new Map<string, number>();

  private constructor(server: Server, target: string, random: Random) {
    this.#server = server;
    this.#target = new URL(target);
    this.#random = random;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      // The server itself failed, or the client went away: either way there is nobody to answer.
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** @param random For the moments and lengths of faults; which ones happen is the plan's. */
  static async start(target: string, random: Random): Promise<FaultProxy> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return new FaultProxy(server, target, random);
  }

  /** When every late request has arrived. */
  async settled(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await this.settled();
    this.#agent.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const kind = kindOf(request);
    const fault = this.plan(kind, request.url!);
    if (fault !== undefined) this.hits.set(fault, (this.hits.get(fault) ?? 0) + 1);
    if (fault === "cut-request") return this.#cutRequest(request);
    const body = await readAll(request);
    if (READS.includes(kind) && this.#isSilent(request.url!)) return reset(request);
    switch (fault) {
      case "reset-before":
        return reset(request);
      case "stall":
        return stall(response);
      case "429":
      case "503":
        return this.#refuse(response, Number(fault));
      case "late":
        if (this.#random.chance(0.5)) this.#silent.set(request.url!, SILENT_READS);
        this.#sendLater(fault, request, body);
        return reset(request);
      case "duplicate":
        this.#sendLater(fault, request, body);
        break;
      case "whole-for-range":
        delete request.headers.range;
        break;
    }
    const answer = await this.#forward(request, body);
    if (fault !== undefined && WRITES.includes(kind) && isSuccess(answer)) this.#countApplied(fault);
    switch (fault) {
      case "lose-answer":
        return reset(request);
      case "stall-applied":
        return stall(response);
      case "500-applied":
        return send(response, refusal(500, "InternalError"));
      case "409-applied":
        return send(response, refusal(409, "ConditionalRequestConflict"));
      case "412-applied":
        return send(response, refusal(412, "PreconditionFailed"));
      case "reset-answer":
        return sendHalf(response, answer, () => reset(request));
      case "short-answer":
        // A refusal cut in half says something else than the server did; only a part of an object is known to be one.
        if (answer.status === 206) return send(response, { ...answer, body: half(answer.body) });
        return sendHalf(response, answer, () => request.socket.end());
      case "cut-answer":
        return sendHalf(response, answer, () => request.socket.end());
      case "stale-list":
        return send(response, this.#listings.get(request.url!) ?? { ...answer, body: Buffer.from(EMPTY_LISTING) });
    }
    if (kind === "list" && this.#listings.size < REMEMBERED_LISTINGS && !this.#listings.has(request.url!)) {
      this.#listings.set(request.url!, answer);
    }
    send(response, answer);
  }

  /** The head of a PUT and half of what has come of its body reach the server; then both connections are gone. */
  async #cutRequest(request: IncomingMessage): Promise<void> {
    const onward = httpRequest(this.#optionsOf(request));
    onward.on("error", () => undefined);
    request.once("data", (chunk: Buffer) => {
      onward.write(half(chunk), () => {
        onward.destroy();
        reset(request);
      });
    });
  }

  #refuse(response: ServerResponse, status: number): void {
    const answer = refusal(status, status === 429 ? "TooManyRequests" : "SlowDown");
    const seconds = this.#random.chance(0.01) ? "1" : "0";
    send(response, { ...answer, headers: { ...answer.headers, "retry-after": seconds } });
  }

  #sendLater(fault: SocketFault, request: IncomingMessage, body: Buffer): void {
    const sent = sleep(this.#random.below(this.#random.chance(0.2) ? LATEST_MS : LATE_MS))
      .then(() => this.#forward(request, body))
      .then((answer) => {
        if (isSuccess(answer)) this.#countApplied(fault);
      })
      // The server failed: then it did not arrive at all.
      .catch(() => undefined)
      .then(() => void this.#late.delete(sent));
    this.#late.add(sent);
  }

  #isSilent(path: string): boolean {
    const left = this.#silent.get(path);
    if (left === undefined) return false;
    if (left > 1) this.#silent.set(path, left - 1);
    else this.#silent.delete(path);
    return true;
  }

  #countApplied(fault: SocketFault): void {
    this.applied.set(fault, (this.applied.get(fault) ?? 0) + 1);
  }

  #optionsOf({ method, url, headers }: IncomingMessage) {
    // The host stays what the client wrote, since it signed that.
    const { hostname, port } = this.#target;
    return { hostname, port, method, path: url, headers, agent: this.#agent };
  }

  #forward(request: IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onward = httpRequest(this.#optionsOf(request), (answer) => {
        const { statusCode, headers } = answer;
        readAll(answer).then((bytes) => resolve({ status: statusCode!, headers, body: bytes }), reject);
      });
      onward.on("error", reject).end(body);
    });
  }
}

function kindOf({ method, url, headers }: IncomingMessage): RequestKind {
  if (method === "PUT") return headers["if-none-match"] === undefined ? "put" : "create";
  if (method === "DELETE") return "delete";
  if (url!.includes("list-type=2")) return "list";
  return /^bytes=\d+-\d+$/.test(headers.range ?? "") ? "range" : "get";
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  if (!message.complete) throw new Error("cut short");
  return Buffer.concat(chunks);
}

const isSuccess = ({ status }: Answer) => status >= 200 && status < 300;
const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);

function refusal(status: number, code: string): Answer {
  const body = Buffer.from(`<Error><Code>${code}</Code></Error>`);
  return { status, headers: { "content-type": "application/xml" }, body };
}

function headOf({ headers, body }: Answer): Record<string, string | string[] | number | undefined> {
  const { "transfer-encoding": _, connection: __, "keep-alive": ___, ...own } = headers;
  return { ...own, "content-length": body.length };
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, headOf(answer)).end(answer.body);
}

function sendHalf(response: ServerResponse, answer: Answer, end: () => void): void {
  response.writeHead(answer.status, headOf(answer));
  response.write(half(answer.body), end);
}

function reset({ socket }: IncomingMessage): void {
  socket.resetAndDestroy();
}

/** No answer until the client gives up. */
async function stall(response: ServerResponse): Promise<void> {
  await new Promise((closed) => response.once("close", closed));
}

/**
 * The slowest reads of a host of which 1 % of the answers come very late, with and without hedged requests: a real HTTP server
 * on loopback, whose other answers take 15 ms and more, as those of object storage do. The contenders take turns, read by read,
 * on several lanes at once, and the host draws the same delays for each.
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HedgeStore } from "../../src/io/hedge-store.js";
import { HttpStore } from "../../src/io/http-store.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { Random } from "../../test/helpers/random.js";
import type { Effort, Row, Suite } from "../measure.js";

const OBJECT_BYTES = 1 << 20;
const READ_BYTES = 4096;
const LATE_SHARE = 0.01;
const LANES = 8;
/** Twice the usual answer. */
const FIXED_DELAY_MS = 40;

/** Serves one object under every path by range. Each first part of a path has delays of its own, drawn from one seed. */
class SlowHost {
  requests = new Map<string, number>();
  readonly #object = new Random(5).bytes(OBJECT_BYTES);
  readonly #lateMs: number;
  readonly #delays = new Map<string, Random>();
  readonly #server: Server;

  constructor(lateMs: number) {
    this.#lateMs = lateMs;
    this.#server = createServer((request, response) => {
      const name = request.url!.split("/")[1];
      this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
      const timer = setTimeout(() => this.#answer(request.headers.range!, response), this.#delayMs(name));
      // The reader cancelled it.
      response.on("close", () => clearTimeout(timer));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** 15 ms at least, 19 ms in the middle, a twentieth above 33 ms. */
  #delayMs(name: string): number {
    let random = this.#delays.get(name);
    if (!random) this.#delays.set(name, (random = new Random(7)));
    const usualMs = 15 - 6 * Math.log(1 - random.u32() / 2 ** 32);
    return usualMs + (random.chance(LATE_SHARE) ? this.#lateMs : 0);
  }

  #answer(range: string, response: ServerResponse): void {
    const [first, last] = range.slice("bytes=".length).split("-").map(Number);
    response.writeHead(206, {
      "content-range": `bytes ${first}-${last}/${OBJECT_BYTES}`,
      "content-length": last + 1 - first,
    });
    response.end(this.#object.subarray(first, last + 1));
  }

  /** Whether it is what lies at `start`. */
  isRight(start: number, bytes: Uint8Array | undefined): boolean {
    return (
      bytes?.length === READ_BYTES && Buffer.compare(bytes, this.#object.subarray(start, start + READ_BYTES)) === 0
    );
  }
}

interface Contender {
  readonly name: string;
  readonly implementation: string;
  readonly store: ObjectStore;
  readonly durations: number[];
}

async function measure({ quick }: Effort, report: (row: Row) => void): Promise<void> {
  const lateMs = quick ? 200 : 2000;
  const host = new SlowHost(lateMs);
  const url = await host.start();
  const contender = (name: string, implementation: string, hedge?: ConstructorParameters<typeof HedgeStore>[1]) => {
    const http = new HttpStore(`${url}/${name}`);
    return { name, implementation, store: hedge ? new HedgeStore(http, hedge) : http, durations: [] };
  };
  const contenders: Contender[] = [
    contender("plain", "no hedging"),
    contender("fixed", `hedged after ${FIXED_DELAY_MS} ms`, { delayMs: FIXED_DELAY_MS }),
    contender("p95", "hedged at the observed p95", { delayMs: "p95" }),
  ];
  const reads = quick ? 20 : 500;
  const lane = async (random: Random) => {
    for (let i = 0; i < reads; i++) {
      const start = random.below(OBJECT_BYTES - READ_BYTES);
      for (const { implementation, store, durations } of contenders) {
        const began = performance.now();
        const bytes = await store.getRange("object", start, READ_BYTES);
        durations.push(performance.now() - began);
        if (!host.isRight(start, bytes)) throw new Error(`${implementation}: wrong bytes at ${start}`);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(new Random(i))));
  } finally {
    host.stop();
  }
  for (const { name, implementation, durations } of contenders) {
    const sorted = durations.sort((a, b) => a - b);
    const at = (part: number) => sorted[Math.floor(part * sorted.length)];
    const workload = `${reads * LANES} reads, 1 % of the answers late by ${lateMs} ms`;
    const row = (metric: string, value: number, unit: string) =>
      report({ suite: "tail", workload, implementation, metric, value, unit });
    row("p50", at(0.5), "ms");
    row("p99", at(0.99), "ms");
    row("p99.5", at(0.995), "ms");
    row("p99 / p50", at(0.99) / at(0.5), "");
    row("more requests", (100 * host.requests.get(name)!) / sorted.length - 100, "%");
  }
}

export const tail: Suite = {
  name: "tail",
  about: "the slowest reads over HTTP when 1 % of the answers are late, with hedged requests and without",
  run: measure,
};

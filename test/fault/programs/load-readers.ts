/**
 * Many readers in one process, each a page store of its own over HTTP or S3, that read pages and check every one. Arguments: the
 * server, the bucket, the number of readers, of page reads in all, and a seed. Prints a `LoadResult` as JSON.
 */
import { S3Store } from "../../../src/io/s3-store.js";
import { PageStore, type Volume } from "../../../src/node.js";
import { isRightLoadPage, LOAD_LSNS, LOAD_OFFSETS } from "../../helpers/load-history.js";
import { Random } from "../../helpers/random.js";

export interface LoadResult {
  readonly reads: number;
  readonly requests: number;
  readonly retries: number;
  readonly seconds: number;
  /** Resident memory, in MiB: when half of the reads is done, and the most and the last after that. */
  readonly rss: { readonly warm: number; readonly most: number; readonly last: number };
}

/** Of each reader: what most reads ask for fits, all of it does not. */
const MEMORY_BYTES = 4 << 20;
const WARM = 0.5;
const HOT_OFFSETS = 256;
const BATCH = 8;

const [endpoint, bucket, readers, reads, seed] = process.argv.slice(2);
const total = Number(reads);
let done = 0;
let opened = 0;
let requests = 0;
let retries = 0;

const mebibytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
const rss = { warm: 0, most: 0, last: 0 };
const sampling = setInterval(sample, 100);

function sample(): void {
  rss.last = mebibytes();
  if (done < total * WARM) return;
  if (rss.warm === 0) rss.warm = rss.last;
  rss.most = Math.max(rss.most, rss.last);
}

function open(reader: number): Promise<PageStore> {
  const options = { memory: MEMORY_BYTES };
  if (reader % 2 === 0) return PageStore.open(`${endpoint}/${bucket}`, options);
  return PageStore.open("test:", { ...options, objects: new S3Store({ endpoint, bucket }) });
}

/** Mostly a quarter of the offsets near the newest LSN, now and then anything. */
function pick(random: Random): { offset: number; lsn: number } {
  if (random.chance(0.1)) return { offset: random.below(LOAD_OFFSETS), lsn: random.between(1, LOAD_LSNS) };
  return { offset: random.below(HOT_OFFSETS), lsn: LOAD_LSNS - random.below(4) };
}

function check(page: Uint8Array | undefined, offset: number, lsn: number, reader: number): void {
  done++;
  if (isRightLoadPage(page, offset, lsn)) return;
  throw new Error(`wrong page: reader ${reader}, offset ${offset}, LSN ${lsn}: ${page ? "another page" : "absent"}`);
}

async function readOne(volume: Volume, random: Random, reader: number): Promise<void> {
  const { offset, lsn } = pick(random);
  if (random.chance(0.9)) return check(await volume.readPage(offset, lsn), offset, lsn, reader);
  const offsets = Array.from({ length: BATCH }, (_, i) => (offset + i) % LOAD_OFFSETS);
  const pages = await volume.readPages(offsets, lsn);
  for (const [i, page] of pages.entries()) check(page, offsets[i], lsn, reader);
}

async function run(reader: number): Promise<void> {
  await using store = await open(reader);
  const volume = await store.volume("app");
  // All are open before the first reads, so that what is measured is reading.
  opened++;
  while (opened < Number(readers)) await new Promise((resolve) => setTimeout(resolve, 5));
  const random = new Random(Number(seed) + reader);
  while (done < total) {
    await readOne(volume, random, reader);
    // Hits need no wait; others are to have their turn all the same.
    if (random.chance(0.05)) await new Promise(setImmediate);
  }
  const { io } = store.stats();
  requests += io.gets;
  retries += io.retries;
}

const began = performance.now();
await Promise.all(Array.from({ length: Number(readers) }, (_, i) => run(i)));
sample();
clearInterval(sampling);
const result: LoadResult = { reads: done, requests, retries, seconds: (performance.now() - began) / 1000, rss };
console.log(JSON.stringify(result));

/**
 * A process that uses the disk cache that others use, over the folder of one store, until it is killed. As "writer" it commits
 * what is known and reads it back, as "reader" it reads what is there. It prints a line of JSON now and then, and one at once
 * when a page is wrong.
 */
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FileStore } from "../../../src/io/file-store.js";
import { PageStore } from "../../../src/node.js";
import { RemoteStore } from "../../helpers/block-caches.js";
import { checkSomePages, commitOf, volumeToCommitTo } from "../../helpers/known-volumes.js";
import { Random } from "../../helpers/random.js";

export interface CacheUserReport {
  read: number;
  committed: number;
  wrong: string[];
  hits: number;
  misses: number;
  damaged: number;
  evictions: number;
  failures: number;
}

const [role, pages, folder, bytes, seed] = process.argv.slice(2);
const random = new Random(Number(seed));
// Little memory, and storage that is read by promises: so that the cache is what pages come from.
const store = await PageStore.open("test:", {
  objects: new RemoteStore(new FileStore(pages)),
  cache: { folder, bytes: Number(bytes) },
  memory: 2 << 20,
});
const report = { read: 0, committed: 0, wrong: [] as string[] };
function print(): void {
  const { hits, misses, damaged, evictions, failures } = store.stats().cache!;
  const line: CacheUserReport = { ...report, hits, misses, damaged, evictions, failures };
  writeSync(1, `${JSON.stringify(line)}\n`);
}

for (let round = 0; report.wrong.length === 0; round++) {
  if (role === "writer") {
    const { volume, number, lsn } = await volumeToCommitTo(store);
    await volume.commit({ ...commitOf(number, lsn + 1), expectedLsn: lsn });
    report.committed++;
    await sleep(30);
  }
  if (role === "reader" || round % 10 === 0) {
    const { read, wrong } = await checkSomePages(store, random);
    report.read += read;
    report.wrong.push(...wrong);
  }
  print();
  if (role === "reader") await sleep(random.below(10));
}
process.exit(1);

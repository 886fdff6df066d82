/**
 * A worker that reads volumes of another thread's store in every way there is, and checks every byte. Told to by a message
 * with handles, how many pages to read, and a seed; posts what it found. Told to get `stuck`, it stays within a read for ever.
 */
import { parentPort, threadId } from "node:worker_threads";
import { NotResident } from "../../../src/core/errors.js";
import { SharedVolume } from "../../../src/store/shared-volume.js";
import type { VolumeHandle } from "../../../src/store/volume-handle.js";
import { Random } from "../../helpers/random.js";
import { isRight, SHARED_OFFSETS, SHARED_PAGE_SIZE } from "../../helpers/shared-history.js";

export interface ReaderTask {
  readonly handles: readonly VolumeHandle[];
  readonly reads: number;
  readonly seed: number;
  readonly stuck?: boolean;
}

export interface ReaderResult {
  readonly reads: number;
  /** Pages of those that the owner had to be asked for. */
  readonly asked: number;
  readonly wrong: readonly string[];
  /** The longest call that does not wait for the owner, and that does. */
  readonly longestSyncMs: number;
  readonly longestAsyncMs: number;
}

/** Rather what is new, and rather the first offsets: so that much is in memory, and much is not. */
function pick(random: Random, latest: number): { offset: number; lsn: number } {
  const isHot = random.chance(0.97);
  return {
    offset: random.below(isHot ? 64 : SHARED_OFFSETS),
    lsn: isHot ? Math.max(1, latest - random.below(4)) : random.between(1, latest),
  };
}

const sleep = (ms?: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

async function read({ handles, reads, seed }: ReaderTask): Promise<ReaderResult> {
  const volumes = handles.map((handle) => SharedVolume.attach(handle));
  const random = new Random(seed + threadId);
  const target = new Uint8Array(SHARED_PAGE_SIZE);
  const wrong: string[] = [];
  let [done, asked, longestSyncMs, longestAsyncMs] = [0, 0, 0, 0];
  const check = (page: Uint8Array | undefined, number: number, offset: number, lsn: number, how: string) => {
    done++;
    if (!isRight(page, number, offset, lsn)) wrong.push(`volume ${number}, offset ${offset}, LSN ${lsn}, ${how}`);
  };
  while (done < reads && wrong.length < 10) {
    const number = random.below(volumes.length);
    const volume = volumes[number];
    const latest = volume.latestLsn;
    const start = performance.now();
    if (random.chance(0.5)) {
      const { offset, lsn } = pick(random, latest);
      try {
        const found = volume.readPageIntoSync(offset, lsn, target);
        longestSyncMs = Math.max(longestSyncMs, performance.now() - start);
        check(found ? target : undefined, number, offset, lsn, "into, sync");
      } catch (error) {
        if (!(error instanceof NotResident)) throw error;
        const found = await volume.readPageInto(offset, lsn, target);
        longestAsyncMs = Math.max(longestAsyncMs, performance.now() - start);
        asked++;
        check(found ? target : undefined, number, offset, lsn, "into");
      }
    } else {
      const { lsn } = pick(random, latest);
      const offsets = Array.from({ length: random.between(1, 64) }, () => pick(random, latest).offset);
      // Some take their time with what they borrowed, long enough for the owner to want all of its memory.
      let lingerMs = random.chance(0.02) ? random.between(1, 30) : 0;
      await volume.borrowPages(offsets, lsn, (i, page) => {
        if (lingerMs > 0) sleep(lingerMs);
        lingerMs = 0;
        if (page && !(page.buffer instanceof SharedArrayBuffer)) asked++;
        check(page, number, offsets[i], lsn, "borrowed");
      });
      longestAsyncMs = Math.max(longestAsyncMs, performance.now() - start);
    }
    // Messages come in between only where a worker lets them.
    if (random.chance(0.001)) await new Promise((resolve) => setTimeout(resolve));
  }
  for (const volume of volumes) volume.close();
  return { reads: done, asked, wrong, longestSyncMs, longestAsyncMs };
}

/** Stays in a callback, with what it borrowed, until the thread is terminated. */
async function getStuck([handle]: readonly VolumeHandle[]): Promise<void> {
  const volume = SharedVolume.attach(handle);
  const offset = 0;
  await volume.readPageInto(offset, 1, new Uint8Array(SHARED_PAGE_SIZE));
  await volume.borrowPages([offset], 1, () => {
    parentPort!.postMessage("stuck");
    sleep();
  });
}

parentPort!.on("message", async (task: ReaderTask) => {
  if (task.stuck) await getStuck(task.handles);
  else parentPort!.postMessage(await read(task));
});

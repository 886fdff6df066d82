/**
 * LevelDB through classic-level: sorted runs of blocks, all in one level once compacted. Its keys are those of lmdb: offset
 * and inverted LSN, so that seeking gives the newest version at or below an LSN.
 *
 *     0  u32  offset
 *     4  u32  ~LSN
 *
 * An exact key has a synchronous `getSync`; an iterator's `next` is asynchronous in every version. Pages are not
 * compressed, since they are random; the block cache has room for all of them.
 */
import type { History } from "./history.js";
import { type Level, type LevelDatabase, load } from "./packages.js";
import type { OpenPeer, Peer, Places } from "./peer.js";

/** Puts that are handed over at once. */
const BATCH = 1024;

function writeKey(key: Buffer, offset: number, lsn: number): Buffer {
  key.writeUInt32BE(offset, 0);
  key.writeUInt32BE(~lsn >>> 0, 4);
  return key;
}

function create(folder: string, memoryBytes: number): LevelDatabase {
  const { ClassicLevel }: Level = load("classic-level");
  return new ClassicLevel(folder, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    compression: false,
    cacheSize: memoryBytes,
    blockSize: 4 << 10,
    maxFileSize: 64 << 20,
    writeBufferSize: 64 << 20,
  });
}

export const classicLevel: Peer = {
  name: "classic-level",

  async write(history: History, { compacted }: Places) {
    // It compacts in place, and by itself: there is no state "as written" that would last.
    const database = create(compacted, 8 << 20);
    for (const [commit, offsets] of history.commits.entries()) {
      const lsn = commit + 1;
      for (let from = 0; from < offsets.length; from += BATCH) {
        const puts = Array.from(offsets.subarray(from, from + BATCH), (offset) => ({
          type: "put" as const,
          key: writeKey(Buffer.alloc(8), offset, lsn),
          value: history.page(offset, lsn),
        }));
        await database.batch(puts);
      }
    }
    await database.compactRange(Buffer.alloc(8), Buffer.alloc(9, 0xff));
    await database.close();
  },

  async open({ compacted }: Places, memoryBytes: number): Promise<OpenPeer> {
    const database = create(compacted, memoryBytes);
    await database.open();
    const iterator = database.iterator({ fillCache: true });
    const key = Buffer.alloc(8);
    return {
      ways: [
        {
          call: "iterator",
          question: "newest",
          async readAsync(offset, lsn) {
            iterator.seek(writeKey(key, offset, lsn));
            const entry = await iterator.next();
            if (entry === undefined) return undefined;
            const [found, page] = entry;
            return found.readUInt32BE(0) === offset ? page : undefined;
          },
        },
        {
          call: "getSync",
          question: "exact",
          read: (offset, lsn) => database.getSync(writeKey(key, offset, lsn)),
        },
      ],
      async close() {
        await iterator.close();
        await database.close();
      },
    };
  },
};

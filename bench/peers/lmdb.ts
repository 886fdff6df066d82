/**
 * lmdb: a memory-mapped B+tree. Its keys are offset and inverted LSN, both big-endian u32, so that the first key at or
 * above (offset, LSN) is the newest version at or below the LSN:
 *
 *     0  u32  offset
 *     4  u32  ~LSN
 *
 * The encoders below read and write keys in place and hand out values where lmdb copied them, in a buffer that its next
 * read uses again: it copies values of less than 16 MiB, and this is the only copy. Pages of 32 KiB hold 7 values
 * each. With 4 KiB, lmdb's default, a value and its header take two pages.
 */
import type { History } from "./history.js";
import { type LmdbDatabase, load } from "./packages.js";
import type { OpenPeer, Peer, Places } from "./peer.js";

const PAGE_SIZE = 32 << 10;

interface Key {
  offset: number;
  lsn: number;
}

/** Below every other key; lmdb's own default is not of this form. */
const FIRST: Key = { offset: 0, lsn: 0xffff_ffff };

interface Target extends Uint8Array {
  dataView?: DataView;
}

function viewOf(bytes: Target): DataView {
  return (bytes.dataView ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

const keyEncoder = {
  writeKey({ offset, lsn }: Key, target: Target, start: number): number {
    const view = viewOf(target);
    view.setUint32(start, offset);
    view.setUint32(start + 4, ~lsn);
    return start + 8;
  },
  readKey(source: Target, start: number): Key {
    const view = viewOf(source);
    return { offset: view.getUint32(start), lsn: ~view.getUint32(start + 4) >>> 0 };
  },
};

/** `encode` and `decode` that do nothing; lmdb takes this to mean that whoever decodes needs no copy. */
const encoder = { encode: (value: Uint8Array) => value, decode: (value: Uint8Array) => value };

function openDatabase(path: string, options: object): LmdbDatabase<Key> {
  return load("lmdb").open<Key>({ path, keyEncoder, encoder, ...options });
}

export const lmdb: Peer = {
  name: "lmdb",

  async write(history: History, { written, compacted }: Places) {
    // Nothing waits for the disk while the history is written: how it is read does not depend on it.
    const options = { pageSize: PAGE_SIZE, noSync: true };
    const source = openDatabase(written, options);
    history.commits.forEach((offsets, commit) => {
      const lsn = commit + 1;
      source.transactionSync(() => {
        for (const offset of offsets) source.putSync({ offset, lsn }, history.page(offset, lsn));
      });
    });
    // What mdb_dump and mdb_load do: in the order of keys, pages become full.
    const target = openDatabase(compacted, options);
    target.transactionSync(() => {
      for (const { key, value } of source.getRange({ start: FIRST })) target.putSync(key, value, { append: true });
    });
    await source.close();
    await target.close();
  },

  async open({ compacted }: Places): Promise<OpenPeer> {
    const database = openDatabase(compacted, { readOnly: true });
    const key: Key = { offset: 0, lsn: 0 };
    const first = { start: key, limit: 1 };
    return {
      ways: [
        {
          call: "getRange",
          question: "newest",
          read(offset, lsn) {
            key.offset = offset;
            key.lsn = lsn;
            for (const { key: found, value } of database.getRange(first)) {
              return found.offset === offset ? value : undefined;
            }
            return undefined;
          },
        },
        {
          call: "getBinaryFast",
          question: "exact",
          read(offset, lsn) {
            key.offset = offset;
            key.lsn = lsn;
            return database.getBinaryFast(key);
          },
        },
      ],
      close: () => database.close(),
    };
  },
};

/** The leaves of one volume: where chapters are put once they are sealed, and read again when their contents were forgotten. */
import { Corrupt } from "../core/errors.js";
import { compareBytes, SegmentId, toHex, type VolumeId } from "../core/ids.js";
import { checksumIn } from "../format/envelope.js";
import type { LeafEntry } from "../format/manifest.js";
import { decodeLeaf, encodeLeaf, type Leaf } from "../format/manifest-leaf.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import type { Chapter } from "./chapter.js";
import { leafKey } from "./keys.js";
import { putOwn } from "./put-once.js";

export class Leaves {
  readonly #objects: ObjectStore;
  readonly #vid: VolumeId;

  constructor(objects: ObjectStore, vid: VolumeId) {
    this.#objects = objects;
    this.#vid = vid;
  }

  /** Puts a chapter's leaf: durable when it resolves. Gives what a manifest says of it. */
  async put(chapter: Chapter): Promise<LeafEntry> {
    const id = SegmentId.random();
    const key = leafKey(this.#vid, id);
    const bytes = encodeLeaf(key, this.#vid, chapter.leaf!);
    await putOwn(this.#objects, key, bytes);
    return chapter.describe({ id, checksum: checksumIn(bytes), byteLength: bytes.length });
  }

  /** A chapter's contents: those at hand, else its leaf, which is not kept. */
  async read(chapter: Chapter, options?: CallOptions): Promise<Leaf> {
    if (chapter.leaf) return chapter.leaf;
    const entry = chapter.entry!;
    const read = async (refresh: boolean) =>
      this.#decode(entry, await this.#objects.get(leafKey(this.#vid, entry.id), { ...options, refresh }));
    try {
      return await read(false);
    } catch (error) {
      // What a cache on the way has kept may be damaged: the storage itself is asked before that is said of it.
      if (error instanceof Corrupt) return await read(true);
      throw error;
    }
  }

  /** `read` where the storage can read in place; `undefined` where it cannot. */
  readSync(chapter: Chapter): Leaf | undefined {
    const { sync } = this.#objects;
    if (chapter.leaf || !sync) return chapter.leaf;
    const entry = chapter.entry!;
    return this.#decode(entry, sync.get(leafKey(this.#vid, entry.id)));
  }

  #decode(entry: LeafEntry, bytes: Uint8Array | undefined): Leaf {
    const key = leafKey(this.#vid, entry.id);
    const mismatch = (expected: string, actual: string) =>
      new Corrupt("leaf that the manifest names", { key, byteOffset: 0, expected, actual });
    if (!bytes) throw mismatch(`${entry.byteLength} bytes`, "no object");
    const { leaf, checksum } = decodeLeaf(bytes, key, this.#vid);
    if (compareBytes(checksum, entry.checksum) !== 0) throw mismatch(toHex(entry.checksum), toHex(checksum));
    if (leaf.firstLsn !== entry.firstLsn || leaf.times.length !== entry.lsnCount) {
      throw mismatch(`LSN ${entry.firstLsn} and ${entry.lsnCount} in all`, `${leaf.firstLsn}, ${leaf.times.length}`);
    }
    return leaf;
  }
}

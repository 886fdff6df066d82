/**
 * The manifests of one volume: the hint that most readers begin with, the sequence that decides what is newest, and the putting
 * of the next one. A manifest that was collected has left a stub, which names a newer one.
 */
import { Corrupt } from "../core/errors.js";
import { compareBytes, type VolumeId } from "../core/ids.js";
import { decodeManifest, encodeManifest, type Manifest } from "../format/manifest.js";
import { decodeStub, isStub } from "../format/manifest-stub.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { manifestHeadKey, manifestKey, numberIn } from "./keys.js";
import { putOnce } from "./put-once.js";
import { readNewest } from "./sequence.js";

export interface Generation {
  readonly manifest: Manifest;
  /** The generation that it is, or, of a head, on which it stands. */
  readonly generation: number;
}

/** What a stub names was there: that it is absent is not the end of the sequence. */
const missing = (key: string) =>
  new Corrupt("manifest that a stub names", { key, byteOffset: 0, expected: "an object", actual: "none" });

export class ManifestSequence {
  readonly #objects: ObjectStore;
  readonly #vid: VolumeId;

  constructor(objects: ObjectStore, vid: VolumeId) {
    this.#objects = objects;
    this.#vid = vid;
  }

  readonly #keyOf = (generation: number): string => manifestKey(this.#vid, generation);

  /** The hint, or `undefined` where it is missing or damaged: the sequence itself says what is newest. */
  async readHead(options?: CallOptions): Promise<Generation | undefined> {
    const headKey = manifestHeadKey(this.#vid);
    const bytes = await this.#objects.get(headKey, { ...options, probing: true });
    if (!bytes) return undefined;
    try {
      const { manifest, key } = decodeManifest(bytes, headKey, this.#vid, true);
      const generation = numberIn(key, this.#keyOf);
      return generation === undefined ? undefined : { manifest, generation };
    } catch (error) {
      if (error instanceof Corrupt) return undefined;
      throw error;
    }
  }

  /** The newest manifest, if its generation is above `generation`. */
  async readNewer(generation: number, options?: CallOptions): Promise<Generation | undefined> {
    for (let from = generation + 1; ; ) {
      const newest = await readNewest(this.#objects, this.#keyOf, from, options);
      if (!newest && from > generation + 1) throw missing(this.#keyOf(from));
      if (!newest) return undefined;
      const key = this.#keyOf(newest.number);
      if (!isStub(newest.bytes)) {
        return { manifest: decodeManifest(newest.bytes, key, this.#vid).manifest, generation: newest.number };
      }
      // Collected since it was the newest: then there are newer ones.
      from = decodeStub(newest.bytes, key, newest.number);
    }
  }

  /**
   * Puts the manifest of that generation. False where another one has it.
   *
   * @throws what the storage threw, where it did not say what became of it: then it may be there.
   */
  async put(generation: number, manifest: Manifest): Promise<boolean> {
    const key = this.#keyOf(generation);
    const bytes = this.#encode(generation, manifest);
    // Equal bytes say the same: whoever wrote them.
    const outcome = await putOnce(this.#objects, key, bytes, (found) => compareBytes(found, bytes) === 0);
    if (outcome.status === "unknown") throw outcome.cause;
    if (outcome.status === "lost") return false;
    await this.#putHead(bytes);
    return true;
  }

  /** Overwrites the hint alone, by a state that goes beyond the generation on which it stands. */
  async putHead(generation: number, manifest: Manifest): Promise<void> {
    await this.#putHead(this.#encode(generation, manifest));
  }

  #encode(generation: number, manifest: Manifest): Uint8Array {
    return encodeManifest(this.#keyOf(generation), this.#vid, manifest);
  }

  /** Without it opening looks for the newest manifest by itself. */
  async #putHead(bytes: Uint8Array): Promise<void> {
    await this.#objects.put(manifestHeadKey(this.#vid), bytes).catch(() => undefined);
  }
}

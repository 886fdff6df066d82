/** One opening of the store by a simulated process: what it holds open, and what it has seen so far. */
import { Aborted, Closed, Corrupt, NotFound, Unavailable } from "../../src/core/errors.js";
import { VolumeId } from "../../src/core/ids.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { RetryStore } from "../../src/io/retry-store.js";
import { PageStore } from "../../src/node.js";
import type { Snapshot } from "../../src/store/snapshot.js";
import type { Volume } from "../../src/store/volume.js";
import { SimStore } from "./sim-store.js";
import type { Shared } from "./simulation.js";
import { must, type Truth } from "./truth.js";
import type { VolumeTruth } from "./volume-truth.js";
import type { Process } from "./world.js";

/** A volume that a session holds open. */
export interface Held {
  readonly session: Session;
  readonly volume: Volume;
  readonly truth: VolumeTruth;
  /** The newest LSN that the session was shown. */
  known: number;
}

export class Session {
  readonly store: PageStore;
  readonly requests: SimStore;
  /** The same, tried again after failures: for what stands beside the store. */
  readonly objects: ObjectStore;
  readonly held = new Map<string, Held>();
  readonly snapshots: { readonly held: Held; readonly snapshot: Snapshot }[] = [];
  isClosing = false;
  readonly #truth: Truth;

  private constructor(store: PageStore, requests: SimStore, objects: ObjectStore, truth: Truth) {
    this.store = store;
    this.requests = requests;
    this.objects = objects;
    this.#truth = truth;
  }

  /** Opens the store, with the options that chance gives it. */
  static async open({ world, bucket, weather, truth }: Shared, process: Process, isPlain = false): Promise<Session> {
    const { random } = world;
    const requests = new SimStore(bucket, world, process, weather, !isPlain && random.chance(0.5));
    const hedge = !isPlain && random.chance(0.3) ? { delayMs: random.pick([15, "p95"] as const) } : undefined;
    const retry = isPlain || random.chance(0.6) ? {} : { attempts: 1 };
    const memory = random.pick([1 << 20, 1 << 20, 2 << 20]);
    const store = await insist(() => PageStore.open("sim:", { memory, objects: requests, hedge, retry }), requests);
    const objects = new RetryStore(requests, { policy: retry });
    return new Session(store, requests, objects, truth);
  }

  get canReadInPlace(): boolean {
    return this.requests.sync !== undefined;
  }

  async close(): Promise<void> {
    this.isClosing = true;
    await this.store.close();
  }

  /** A volume by its id or its present name; `undefined` where it turned out to be dropped, or not to be had now. */
  async hold(id: string): Promise<Held | undefined> {
    const held = this.held.get(id);
    if (held) return held;
    const { catalog, names } = this.#truth;
    const before = catalog.length - 1;
    const name = names.get(id);
    const byName = name !== undefined && id.charCodeAt(35) % 2 === 0;
    try {
      const volume = await this.store.volume(byName ? name : VolumeId.parse(id));
      const found = volume.id.toString();
      must(byName || found === id, `volume ${id} was asked for, and ${found} came`);
      const states = catalog.slice(before);
      must(!byName || states.some((state) => state.get(found) === name), `volume ${found} was never named "${name}"`);
      return this.keep(volume);
    } catch (error) {
      if (!(error instanceof NotFound)) this.tolerate(error);
      const states = catalog.slice(before);
      const couldBeAbsent = byName
        ? states.some((state) => ![...state.values()].includes(name))
        : states.some((state) => !state.has(id));
      must(!(error instanceof NotFound) || couldBeAbsent, `volume ${id} is there, but: ${String(error)}`);
      return undefined;
    }
  }

  keep(volume: Volume): Held {
    const id = volume.id.toString();
    let held = this.held.get(id);
    if (!held) {
      held = { session: this, volume, truth: this.#truth.volumes.get(id)!, known: 0 };
      this.held.set(id, held);
    }
    return held;
  }

  forget(held: Held): void {
    this.held.delete(held.volume.id.toString());
    for (let i = this.snapshots.length; i-- > 0; ) if (this.snapshots[i].held === held) this.snapshots.splice(i, 1);
  }

  /** Passes errors that a caller must be ready for; throws others. */
  tolerate(error: unknown): void {
    if (error instanceof Unavailable || error instanceof Aborted) return;
    if (error instanceof Closed && this.isClosing) return;
    if (error instanceof Corrupt && this.requests.shortened > 0) return;
    throw error;
  }
}

/** Tries until it succeeds. */
export async function insist<T>(call: () => Promise<T>, requests?: SimStore): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isCut = error instanceof Corrupt && requests !== undefined && requests.shortened > 0;
      if (!(error instanceof Unavailable) && !isCut) throw error;
    }
  }
}

/** A simulated process: what it does, one thing after another, in one lane or several; and what it makes of how that ends. */
import { Conflict, NotFound } from "../../src/core/errors.js";
import type { CallOptions, Commit, CommitEach } from "../../src/store/types.js";
import { collect } from "./collector.js";
import { pageOf } from "./drafts.js";
import { readSome } from "./reads.js";
import { type Held, Session } from "./session.js";
import type { Shared } from "./simulation.js";
import { type Asked, type Draft, metaOf, must } from "./truth.js";
import type { Process } from "./world.js";

const NAMES = ["a", "b", "c", "d", "e"];
const PAGE_SIZES = [512, 512, 512, 1024];
const MAX_VOLUMES = 4;

export class Client {
  isDone = false;
  readonly #shared: Shared;
  readonly #process: Process;
  #session!: Session;

  constructor(shared: Shared, process: Process) {
    this.#shared = shared;
    this.#process = process;
  }

  async live(): Promise<void> {
    this.#session = await Session.open(this.#shared, this.#process);
    await Promise.all(Array.from({ length: this.#shared.mix.lanes }, () => this.#lane()));
    this.isDone = true;
  }

  async #lane(): Promise<void> {
    const { random } = this.#shared.world;
    while (this.#shared.take("steps", 0)) {
      await this.#step();
      if (random.chance(0.4)) await this.#shared.world.sleep(this.#pauseMs());
    }
  }

  #pauseMs(): number {
    const { random } = this.#shared.world;
    const kind = random.below(100);
    if (kind < 75) return random.below(50);
    if (kind < 97) return random.below(5000);
    return random.below(12 * 3600 * 1000);
  }

  async #step(): Promise<void> {
    const { world, mix, truth, processes, unknown } = this.#shared;
    const { random } = world;
    if (random.chance(mix.crashes)) {
      this.#shared.crash(random.pick(processes));
      if (this.#process.isDead) return await new Promise(() => undefined);
    }
    if (truth.names.size === 0) return await this.#create();
    if (random.chance(mix.collections)) return await this.#collect();
    if (unknown.length > 0 && random.chance(0.3)) return await this.#resolve();
    const kind = random.below(100);
    if (kind < mix.commits) return await this.#commit();
    switch (mix.commits > 50 ? random.below(30) : random.below(100)) {
      case 0:
        return await this.#reopen();
      case 1:
        return await this.#create();
      case 2:
        return await (random.chance(0.3) ? this.#drop() : this.#rename());
      case 3:
      case 4:
        return await this.#commitEach();
      case 5:
        this.#process.wallOffsetMs = random.below(7_200_000) - 3_600_000;
        return;
      default: {
        const held = await this.#pick();
        if (held) await readSome(this.#shared, held);
      }
    }
  }

  /** A volume that is in the catalog now. */
  async #pick(): Promise<Held | undefined> {
    const { truth, world } = this.#shared;
    const ids = [...truth.names.keys()];
    if (ids.length === 0) return undefined;
    // The first more often, so that one history becomes long.
    return await this.#session.hold(world.random.chance(0.5) ? ids[0] : world.random.pick(ids));
  }

  /** Now and then a call is given up after a while. */
  #options(): CallOptions {
    const { world } = this.#shared;
    if (!world.random.chance(0.03)) return {};
    const controller = new AbortController();
    world.after(world.random.below(60), this.#process, "give up", () => controller.abort());
    return { signal: controller.signal };
  }

  #draftsFor({ truth }: Held): Draft[] {
    const { drafts, mix, world } = this.#shared;
    const { random } = world;
    const timeMs = Date.now();
    if (mix.hasLarge && random.chance(0.02)) return Array.from({ length: 1500 }, () => drafts.tiny(timeMs));
    if (mix.hasLarge && random.chance(0.1)) return [drafts.wide(timeMs)];
    const count = random.chance(0.2) ? random.between(2, 9) : 1;
    return Array.from({ length: count }, () => drafts.usual(truth.pageCountAt(truth.lsn), timeMs));
  }

  #expectationFor({ truth, known }: Held): number | undefined {
    const { random } = this.#shared.world;
    if (random.chance(0.5)) return undefined;
    if (random.chance(0.1)) return Math.max(0, truth.lsn + random.pick([-1, 1]));
    return random.chance(0.7) ? truth.lsn : known;
  }

  async #commit(): Promise<void> {
    const held = await this.#pick();
    if (!held || !this.#shared.take("commits asked")) return;
    const { truth } = this.#shared;
    const { session } = held;
    const asked = truth.ask(held.truth, this.#draftsFor(held), this.#expectationFor(held));
    const commits = asked.drafts.map((draft, i) => commitOf(asked, draft, i));
    const { expectedLsn } = asked;
    const options = this.#options();
    try {
      const snapshot =
        commits.length === 1
          ? await held.volume.commit({ ...commits[0], expectedLsn, ...options })
          : await held.volume.commitBatch(commits, { expectedLsn, ...options });
      truth.acknowledge(asked, snapshot);
      held.known = Math.max(held.known, snapshot.lsn);
      session.snapshots.push({ held, snapshot });
    } catch (error) {
      this.#failed(held, asked, error);
    }
    if (session.snapshots.length > 6) session.snapshots.splice(this.#shared.world.random.below(6), 1);
  }

  #failed(held: Held, asked: Asked, error: unknown): void {
    const { truth, unknown } = this.#shared;
    const attempt = truth.refuse(asked, error);
    if (attempt) unknown.push({ asked, attempt });
    else if (error instanceof NotFound) must(held.truth.isClosed, `${held.volume.id} is there, but: ${String(error)}`);
    else if (!(error instanceof Conflict)) held.session.tolerate(error);
  }

  async #commitEach(): Promise<void> {
    const { truth, world } = this.#shared;
    const session = this.#session;
    const parts: { held: Held; asked: Asked; commit: CommitEach }[] = [];
    for (const id of truth.names.keys()) {
      const held = world.random.chance(0.7) ? await session.hold(id) : undefined;
      if (!held || parts.some((part) => part.held === held)) continue;
      const draft = this.#shared.drafts.usual(held.truth.pageCountAt(held.truth.lsn), Date.now());
      const asked = truth.ask(held.truth, [draft], this.#expectationFor(held));
      const { expectedLsn } = asked;
      parts.push({ held, asked, commit: { volume: held.volume, expectedLsn, ...commitOf(asked, draft, 0) } });
    }
    if (parts.length === 0 || !this.#shared.take("commits asked", parts.length)) return;
    try {
      const outcomes = await session.store.commitEach(
        parts.map(({ commit }) => commit),
        this.#options(),
      );
      for (const [i, outcome] of outcomes.entries()) {
        const { asked, held } = parts[i];
        if (outcome.status === "failed") this.#failed(held, asked, outcome.error);
        else truth.acknowledge(asked, outcome);
      }
    } catch (error) {
      for (const { held, asked } of parts) this.#failed(held, asked, error);
    }
  }

  async #resolve(): Promise<void> {
    const { truth, unknown, world } = this.#shared;
    if (unknown.length === 0) return;
    const [next] = unknown.splice(world.random.below(unknown.length), 1);
    const session = this.#session;
    const held = await session.hold(next.asked.volume.id.toString());
    if (!held || !this.#shared.take("resolutions")) {
      unknown.push(next);
      return;
    }
    try {
      truth.resolve(next.asked, await held.volume.resolve(next.attempt, this.#options()));
    } catch (error) {
      unknown.push(next);
      session.tolerate(error);
    }
  }

  async #collect(): Promise<void> {
    const held = await this.#pick();
    if (!held || !this.#shared.take("collections")) return;
    try {
      await collect(this.#shared, held);
    } catch (error) {
      held.session.tolerate(error);
    }
  }

  async #create(): Promise<void> {
    const { truth, world } = this.#shared;
    if (truth.names.size >= MAX_VOLUMES || !this.#shared.take("catalog changes")) return;
    const session = this.#session;
    const name = world.random.pick(NAMES);
    const before = truth.catalog.length - 1;
    try {
      const volume = await session.store.createVolume({ name, pageSize: world.random.pick(PAGE_SIZES) });
      const id = volume.id.toString();
      must(
        truth.catalog.slice(before).some((names) => names.get(id) === name),
        `volume ${id} was created as "${name}", but is not`,
      );
      session.keep(volume);
    } catch (error) {
      this.#catalogFailed(session, error, before, [name]);
    }
  }

  async #rename(): Promise<void> {
    const { truth, world } = this.#shared;
    const held = await this.#pick();
    if (!held || !this.#shared.take("catalog changes")) return;
    const { session } = held;
    const name = world.random.pick(NAMES);
    const before = truth.catalog.length - 1;
    const id = held.volume.id.toString();
    try {
      await session.store.renameVolume(held.volume.id, name);
      must(
        truth.catalog.slice(before).some((names) => names.get(id) === name),
        `volume ${id} was renamed to "${name}", but is not`,
      );
    } catch (error) {
      this.#catalogFailed(session, error, before, [name], id);
    }
  }

  async #drop(): Promise<void> {
    const { truth } = this.#shared;
    const held = await this.#pick();
    if (!held || !this.#shared.take("catalog changes")) return;
    const { session } = held;
    const before = truth.catalog.length - 1;
    const id = held.volume.id.toString();
    session.forget(held);
    try {
      await session.store.dropVolume(held.volume.id);
      must(!truth.names.has(id), `volume ${id} was dropped, but is there`);
    } catch (error) {
      this.#catalogFailed(session, error, before, [], id);
    }
  }

  /** A name was taken, or a volume gone, at some moment since `before`; or the storage failed. */
  #catalogFailed(session: Session, error: unknown, before: number, taken: readonly string[], id?: string): void {
    const states = this.#shared.truth.catalog.slice(before);
    if (error instanceof Conflict) {
      must(
        states.some((names) => taken.some((name) => [...names.values()].includes(name))),
        `no volume was named "${taken}", but: ${error.message}`,
      );
    } else if (error instanceof NotFound) {
      must(id !== undefined && states.some((names) => !names.has(id)), `${id} is there, but: ${error.message}`);
    } else {
      session.tolerate(error);
    }
  }

  /** Closes the store and opens it again, while other lanes may be using it. */
  async #reopen(): Promise<void> {
    if (!this.#shared.take("reopenings")) return;
    const old = this.#session;
    if (old.isClosing) return;
    old.isClosing = true;
    const next = await Session.open(this.#shared, this.#process);
    this.#session = next;
    await old.close();
  }
}

/** What the `i`-th draft of a commit is to the store. */
function commitOf(asked: Asked, { pages, pageCount, drops, timeMs }: Draft, i: number): Commit {
  return {
    pages: Array.from(pages, ([offset, tag]) => [offset, pageOf(tag, asked.volume.pageSize)] as const),
    pageCount,
    drops,
    time: new Date(timeMs),
    meta: i === asked.drafts.length - 1 ? metaOf(asked) : undefined,
  };
}

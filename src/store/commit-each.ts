/**
 * Commits to several volumes whose pages share segments: the pages of all volumes of one page size go into common
 * segments, then each volume gets a record of its own. Not atomic: an outcome for each.
 */
import { InvalidArgument } from "../core/errors.js";
import { SegmentId } from "../core/ids.js";
import { MAX_SEGMENT_BYTES } from "../format/segment-header.js";
import { encodeSharedList } from "../format/shared-list.js";
import type { CallOptions } from "../io/object-store.js";
import { sharedListKey, sharedSegmentKey } from "../log/keys.js";
import { putOwn } from "../log/put-once.js";
import type { VolumeLog } from "../log/volume-log.js";
import { SegmentBuilder } from "../segment/segment-builder.js";
import { type DraftLsn, draftLsn } from "./commit-draft.js";
import { CommitOffsets } from "./commit-offsets.js";
import { type DraftSegment, describeSegment } from "./segment-writer.js";
import type { StoreContext } from "./store-context.js";
import type { CommitEach, CommitEachOutcome } from "./types.js";
import { Volume } from "./volume.js";
import type { VolumeWriter } from "./volume-writer.js";

/** One commit of the call, with its volume held for it alone. */
interface Participant {
  readonly commit: CommitEach;
  readonly writer: VolumeWriter;
  readonly log: VolumeLog;
  readonly segments: DraftSegment[];
  /** The record that the shared list names. */
  record: number;
}

export async function commitEach(
  store: StoreContext,
  commits: Iterable<CommitEach>,
  options: CallOptions,
): Promise<CommitEachOutcome[]> {
  const list = [...commits];
  checkVolumes(store, list);
  await store.checkWritable(options);
  const outcomes = new Map<CommitEach, CommitEachOutcome>();
  const participants: Participant[] = [];
  // Volumes are taken in the order of their ids, so that two calls cannot wait for each other.
  const ordered = list.toSorted((a, b) => a.volume.id.compare(b.volume.id));
  const holdFrom = async (next: number): Promise<void> => {
    if (next === ordered.length) return await commitGroups(store, participants, outcomes, options);
    const commit = ordered[next];
    await commit.volume.exclusively(async (writer, log) => {
      participants.push({ commit, writer, log, segments: [], record: 0 });
      await holdFrom(next + 1);
    });
  };
  await holdFrom(0);
  return list.map((commit) => outcomes.get(commit)!);
}

function checkVolumes(store: StoreContext, commits: readonly CommitEach[]): void {
  const seen = new Set<Volume>();
  for (const commit of commits) {
    const volume = commit?.volume;
    if (!(volume instanceof Volume) || !volume.isOf(store)) {
      throw new InvalidArgument("each commit of commitEach names a volume that this store opened: { volume, pages }");
    }
    if (seen.has(volume)) {
      throw new InvalidArgument(`volume ${volume.id} comes twice in one commitEach; use commitBatch for several LSNs`);
    }
    seen.add(volume);
  }
}

async function commitGroups(
  store: StoreContext,
  participants: readonly Participant[],
  outcomes: Map<CommitEach, CommitEachOutcome>,
  options: CallOptions,
): Promise<void> {
  for (const pageSize of new Set(participants.map(({ commit }) => commit.volume.pageSize))) {
    const group = participants.filter(({ commit }) => commit.volume.pageSize === pageSize);
    const ready = await filter(group, outcomes, ({ writer, commit }) => writer.expect(commit.expectedLsn, options));
    const writer = new GroupWriter(store, ready, options);
    const lsns = new Map<Participant, DraftLsn>();
    const drafted = await filter(ready, outcomes, async (participant) => {
      lsns.set(participant, await draftLsn(participant.commit, writer.sinkOf(participant), options));
    });
    // A segment that was not written fails everyone: it may hold pages of each.
    const finished = writer.finish();
    finished.catch(() => undefined);
    const written = await filter(drafted, outcomes, () => finished);
    await filter(written, outcomes, async (participant) => {
      const { commit, segments, record } = participant;
      const draft = { lsns: [lsns.get(participant)!], segments, meta: commit.meta, record };
      const { lsn, pageCount } = commit.volume.committed(
        await participant.writer.append(draft, commit.expectedLsn, options),
      );
      outcomes.set(commit, { status: "committed", lsn, pageCount });
    });
  }
}

/** Runs a step for each participant and returns those for which it succeeded; the others have their outcome. */
async function filter(
  participants: readonly Participant[],
  outcomes: Map<CommitEach, CommitEachOutcome>,
  step: (participant: Participant) => Promise<void>,
): Promise<Participant[]> {
  const passed: Participant[] = [];
  for (const participant of participants) {
    try {
      await step(participant);
      passed.push(participant);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      outcomes.set(participant.commit, { status: "failed", error });
    }
  }
  return passed;
}

/** Fills the segments that volumes of one page size share. */
class GroupWriter {
  readonly #store: StoreContext;
  readonly #participants: readonly Participant[];
  readonly #options: CallOptions;
  readonly #group = SegmentId.random();
  #isListed = false;
  #builder: SegmentBuilder | undefined;
  #failure: { readonly cause: unknown } | undefined;
  /** Lowest and highest offset in the segment being filled. */
  readonly #bounds = new Map<Participant, [lowest: number, highest: number]>();

  constructor(store: StoreContext, participants: readonly Participant[], options: CallOptions) {
    this.#store = store;
    this.#participants = participants;
    this.#options = options;
  }

  /** Takes one participant's pages. */
  sinkOf(participant: Participant) {
    const { id: vid, pageSize } = participant.commit.volume;
    const offsets = new CommitOffsets();
    return {
      nextLsn: () => undefined,
      add: (offset: number, page: Uint8Array): Promise<void> | undefined => {
        offsets.add(offset);
        this.#builder ??= new SegmentBuilder({ pageSize, id: SegmentId.random(), core: this.#store.core });
        this.#builder.add(vid, offset, 0, page);
        const bounds = this.#bounds.get(participant);
        this.#bounds.set(participant, [Math.min(bounds?.[0] ?? offset, offset), Math.max(bounds?.[1] ?? 0, offset)]);
        // Room for one more page, of one more volume.
        return this.#builder.byteLengthBound + pageSize + 128 > MAX_SEGMENT_BYTES ? this.#flush() : undefined;
      },
    };
  }

  /** Ends the last segment; after that all are durable. */
  async finish(): Promise<void> {
    if (this.#builder) await this.#flush();
    if (this.#failure) throw this.#failure.cause;
  }

  async #flush(): Promise<void> {
    try {
      await this.#write(this.#builder!);
    } catch (cause) {
      this.#failure ??= { cause };
      throw cause;
    }
  }

  async #write(builder: SegmentBuilder): Promise<void> {
    const { objects, sha256 } = this.#store;
    this.#builder = undefined;
    const bytes = builder.finish();
    const bounds = [...this.#bounds];
    this.#bounds.clear();
    await this.#list();
    await putOwn(objects, sharedSegmentKey(this.#group, builder.id), bytes, this.#options);
    const segment = describeSegment(bytes, builder.id, sha256);
    for (const [{ commit, segments }, [lowestOffset, highestOffset]] of bounds) {
      segments.push({
        ...segment,
        vid: commit.volume.id,
        baseIndex: 0,
        highestRlsn: 0,
        lowestOffset,
        highestOffset,
        attached: undefined,
        location: { kind: "shared", group: this.#group },
      });
    }
  }

  /** Before the first segment: which records may introduce the group. */
  async #list(): Promise<void> {
    if (this.#isListed) return;
    const key = sharedListKey(this.#group);
    for (const participant of this.#participants) participant.record = participant.log.nextRecord;
    const records = this.#participants.map(({ commit, record }) => ({ vid: commit.volume.id, record }));
    await putOwn(this.#store.objects, key, encodeSharedList(key, records), this.#options);
    this.#isListed = true;
  }
}

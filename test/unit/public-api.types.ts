/**
 * Every call of the interface that others build on, as design and README show them, with the types that they must have.
 * Never run: it must compile.
 */
import { Segment, SegmentBuilder, SharedVolume, type VolumeHandle, VolumeId } from "../../src/index.js";
import { MemoryStore, PageStore } from "../../src/node.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where the type of `value` is exactly `Expected`: `is<Expected>()(value, true)`. */
const is =
  <Expected>() =>
  <Actual>(_value: Actual, _same: Same<Actual, Expected>): void => {};

declare const a: Uint8Array;
declare const b: Uint8Array;
declare const date: Date;
declare const signal: AbortSignal;

export async function pageStore(): Promise<void> {
  await using store = await PageStore.open("file:./pages", { memory: 256 << 20 });
  await PageStore.open("memory:");
  await PageStore.open("memory:", { objects: new MemoryStore(), signal });
  is<PageStore>()(store, true);

  const volume = await store.createVolume({ name: "app", pageSize: 4096 });
  await store.createVolume({ name: "app" });
  const same = await store.volume("app");
  await store.volume(volume.id, { signal });
  is<typeof volume>()(same, true);
  for await (const each of store.volumes()) {
    is<string>()(each.name, true);
    is<VolumeId>()(each.id, true);
  }
  await store.renameVolume("app", "old");
  await store.dropVolume("old");
  is<VolumeId>()(volume.id, true);
  is<string>()(volume.name, true);
  is<number>()(volume.pageSize, true);

  const snapshot = await volume.commit({
    expectedLsn: 0,
    pages: [
      [0, a],
      [1, b],
    ],
  });
  await volume.commit({ pageCount: 7, drops: [[2, 5]], time: date, meta: a });
  await volume.commit({ pages: new Map([[0, a]]), signal });
  is<number>()(snapshot.lsn, true);
  is<number>()(snapshot.pageCount, true);

  async function* transactions() {
    yield { pages: [[0, a]] as const, pageCount: 1 };
  }
  await volume.commitBatch(transactions());
  await volume.commitBatch([{ pages: [[0, a]] }, { drops: [[0, 1]] }], { expectedLsn: 3, signal });
  const outcomes = await store.commitEach([{ volume, expectedLsn: 3, pages: [[0, a]] }]);
  for (const outcome of outcomes) {
    if (outcome.status === "committed") is<number>()(outcome.lsn, true);
    else is<Error>()(outcome.error, true);
  }
  const resolved = await volume.resolve({ volume: "", record: 1, nonce: "" });
  is<"committed" | "conflict">()(resolved.status, true);

  is<Uint8Array | undefined>()(await store.readPage(volume.id, 0, snapshot.lsn), true);
  is<Uint8Array | undefined>()(await store.readPage(volume.id, 0, snapshot.lsn, { signal }), true);
  is<Uint8Array | undefined>()(store.readPageSync(volume.id, 0, snapshot.lsn), true);
  const target = new Uint8Array(4096);
  is<boolean>()(await store.readPageInto(volume.id, 0, snapshot.lsn, target), true);
  is<boolean>()(store.readPageIntoSync(volume.id, 0, snapshot.lsn, target), true);
  is<Uint8Array | undefined>()(store.borrowPage(volume.id, 0, snapshot.lsn), true);
  is<(Uint8Array | undefined)[]>()(await store.readPages(volume.id, [0, 1], snapshot.lsn), true);
  await store.readPages(volume.id, new Uint32Array([0, 1]), snapshot.lsn, { signal });

  const at = await volume.snapshot(1);
  is<typeof snapshot>()(at, true);
  is<Uint8Array | undefined>()(await at.readPage(0), true);
  is<number>()(at.pageCount, true);
  const latest = await volume.latest();
  is<typeof snapshot | undefined>()(latest, true);
  is<number | undefined>()(await volume.lsnAt(date), true);
  for await (const commit of volume.log({ from: 1, to: 2 })) {
    is<number>()(commit.lsn, true);
    is<Date>()(commit.time, true);
    is<number>()(commit.pagesChanged, true);
    is<number>()(commit.pageCount, true);
    is<number>()(commit.bytes, true);
  }
  volume.log();
  is<Uint32Array>()(await volume.changedOffsets(1, 2), true);
  is<number | undefined>()(await at.versionLsn(0), true);
  await store.close();
}

export function segment(vid: VolumeId): void {
  const builder = new SegmentBuilder({ pageSize: 4096 });
  builder.add(vid, 0, 0, a);
  const bytes = builder.finish();
  const opened = Segment.open(bytes, { probe: "wasm" });
  Segment.open(bytes, { probe: "js" });
  Segment.open(bytes);
  is<number>()(opened.find(vid, 0, 0), true);
  opened.page(0);
  const { pageSizeBytes, pageCount, indexBytes, inline, volumes } = opened.describe();
  for (const number of [pageSizeBytes, pageCount, indexBytes]) is<number>()(number, true);
  is<boolean>()(inline, true);
  for (const volume of volumes) {
    for (const number of [volume.pageCount, volume.offsetCount, volume.indexBytes]) is<number>()(number, true);
    for (const name of [volume.offsetEncoding, volume.rlsnEncoding]) is<string>()(`${name}`, true);
  }
  opened.close();
}

export function volumeId(bytes: Uint8Array): void {
  is<VolumeId>()(VolumeId.random(), true);
  is<VolumeId>()(VolumeId.parse("01890a5d-ac96-774b-bcce-b302099a8057"), true);
  is<VolumeId>()(VolumeId.fromBytes(bytes), true);
}

export async function sharedVolume(): Promise<void> {
  await using store = await PageStore.open("file:./pages", { shared: true });
  const handle = (await store.volume("app")).share();
  is<VolumeHandle>()(handle, true);
  is<MessagePort>()(handle.port, true);

  using volume = SharedVolume.attach(handle);
  is<VolumeId>()(volume.id, true);
  is<number>()(volume.pageSize, true);
  is<number>()(volume.latestLsn, true);
  const target = new Uint8Array(4096);
  is<boolean>()(volume.readPageIntoSync(0, 1, target), true);
  is<boolean>()(await volume.readPageInto(0, 1, target, { signal }), true);
  await volume.borrowPages([0, 1], 1, (i, page) => {
    is<number>()(i, true);
    is<Uint8Array | undefined>()(page, true);
  });
  await volume.borrowPages(new Uint32Array([0, 1]), 1, () => {}, { signal });
  volume.close();
}

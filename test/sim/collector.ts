/**
 * A collector as the spec allows it (spec/log.md, "Collection"), in a simulated process that may crash at any moment: publishes a
 * boundary, waits for the grace period by its own clock, deletes records and segments that nothing needs, and leaves stubs of older
 * manifests. What it must not take away, `Truth` knows.
 */
import { encodeStub } from "../../src/format/manifest-stub.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { manifestKey, numberIn, placeOf, recordKey } from "../../src/log/keys.js";
import { GRACE_MS } from "../../src/log/look.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import type { Held } from "./session.js";
import type { Shared } from "./simulation.js";

export async function collect({ world }: Shared, { session, volume }: Held): Promise<void> {
  const { random } = world;
  const { objects } = session;
  const log = await VolumeLog.open(objects, volume.id);
  await log.refresh();
  log.traits ??= { name: volume.name, pageSizeBytes: volume.pageSize };
  const boundary = random.between(log.boundary, log.nextRecord - 1);
  if (boundary < 1 || !(await log.publish({ boundary }))) return;
  // By the clock of this process, which is not the world's.
  await new Promise<void>((resolve) => void setTimeout(resolve, GRACE_MS));
  const needed = await placesOf(objects, volume.id);
  for (const [key, record] of await numbered(objects, `v/${volume.id}/l/`, (k) => recordKey(volume.id, k))) {
    if (record <= boundary && !needed.has(key)) await objects.delete(key);
  }
  for await (const { key } of objects.list(`s/${volume.id}/`)) {
    const record = Number(key.split("/")[2]);
    if (record <= boundary && !needed.has(key)) await objects.delete(key);
  }
  const manifests = await numbered(objects, `v/${volume.id}/m/`, (g) => manifestKey(volume.id, g));
  const newest = manifests.at(-1)![1];
  for (const [key, generation] of manifests) {
    if (generation < newest) await objects.put(key, encodeStub(key, newest));
  }
}

/** The objects that the newest manifest, or a record after it, refers into. */
async function placesOf(objects: ObjectStore, vid: Held["volume"]["id"]): Promise<Set<string>> {
  const log = await VolumeLog.open(objects, vid);
  await log.refresh();
  const places = new Set<string>();
  for (const chapter of log.chapters) {
    const { references, image } = await log.leaves.read(chapter);
    for (const { segmentId, location } of [...references, ...(image?.references ?? [])]) {
      places.add(placeOf(vid, segmentId, location).key);
    }
  }
  return places;
}

/** The objects of a sequence that are there, with their numbers, ascending. */
async function numbered(
  objects: ObjectStore,
  prefix: string,
  keyOf: (number: number) => string,
): Promise<[key: string, number: number][]> {
  const found: [string, number][] = [];
  for await (const { key } of objects.list(prefix)) {
    const number = numberIn(key, keyOf);
    if (number !== undefined) found.push([key, number]);
  }
  return found;
}

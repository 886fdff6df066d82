/**
 * What must hold once the faults have stopped, seen by a process that starts then: every outcome is known and does not change, every
 * volume is there, and every page of every LSN is what it must be.
 */
import { OFFSETS, tagOf } from "./drafts.js";
import { type Held, Session } from "./session.js";
import type { Shared } from "./simulation.js";
import { must } from "./truth.js";
import type { Process } from "./world.js";

/** @param lsnCount So many LSNs of each volume are read in full, or a few more: the newest, and some of the others. */
export async function judge(shared: Shared, process: Process, lsnCount: number): Promise<void> {
  const { truth, unknown } = shared;
  const session = await Session.open(shared, process, true);
  for (const { asked, attempt } of unknown) {
    const held = truth.names.has(asked.volume.id.toString())
      ? await session.hold(asked.volume.id.toString())
      : undefined;
    if (!held) continue;
    truth.resolve(asked, await held.volume.resolve(attempt));
    truth.resolve(asked, await held.volume.resolve(attempt));
  }
  const listed: string[] = [];
  for await (const { id, name } of session.store.volumes()) listed.push(`${id} ${name}`);
  const expected = [...truth.names].map(([id, name]) => `${id} ${name}`);
  must(listed.sort().join() === expected.sort().join(), `the volumes are said to be ${listed}, and are ${expected}`);
  for (const id of truth.names.keys()) {
    const held = await session.hold(id);
    must(held, `volume ${id} cannot be opened`);
    await readAll(shared, held, lsnCount);
  }
  await session.close();
}

async function readAll({ world }: Shared, { volume, truth }: Held, lsnCount: number): Promise<void> {
  if (!truth.isClosed) {
    const latest = (await volume.latest())?.lsn ?? 0;
    must(latest === truth.lsn, `the newest LSN of ${truth.id} is ${latest}, not ${truth.lsn}`);
  }
  const step = Math.max(1, Math.floor(truth.lsn / lsnCount));
  for (let lsn = truth.lsn; lsn > 0; lsn -= step === 1 ? 1 : world.random.between(1, 2 * step)) {
    const pages = await volume.readPages(OFFSETS, lsn);
    for (const [i, offset] of OFFSETS.entries()) {
      const tag = pages[i] && tagOf(pages[i]);
      const expected = truth.at(offset, lsn)?.tag;
      must(tag === expected, `in the end, page ${offset} of ${truth.id} at LSN ${lsn} is ${tag}, not ${expected}`);
    }
  }
}

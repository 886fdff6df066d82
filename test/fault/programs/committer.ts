/** Commits to a folder's store for ever, from where it stands; prints each LSN once it is acknowledged. To be killed. */
import { writeSync } from "node:fs";
import { PageStore } from "../../../src/node.js";
import { KNOWN_PAGE_SIZE, knownCommit } from "../../helpers/known-history.js";

const store = await PageStore.open(`file:${process.argv[2]}`);
let volume: Awaited<ReturnType<typeof store.volume>> | undefined;
for await (const { name } of store.volumes()) if (name === "app") volume = await store.volume("app");
volume ??= await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
let lsn = (await volume.latest())?.lsn ?? 0;
writeSync(1, `from ${lsn}\n`);
for (;;) {
  // Every fifth time several at once.
  const lsns = Array.from({ length: lsn % 5 === 4 ? 4 : 1 }, (_, i) => lsn + 1 + i);
  if (lsns.length === 1) await volume.commit({ ...knownCommit(lsns[0]), expectedLsn: lsn });
  else await volume.commitBatch(lsns.map(knownCommit), { expectedLsn: lsn });
  lsn += lsns.length;
  writeSync(1, `acknowledged ${lsn}\n`);
}

/** Palimpsest, as the comparison's other stores are: a folder, its own memory, every way to get a page. */
import { PageStore } from "../../src/node.js";
import { type History, PAGE_SIZE } from "./history.js";
import type { OpenPeer, Peer, Places } from "./peer.js";

const VOLUME = "history";

export const palimpsest: Peer = {
  name: "palimpsest",

  async write(history: History, { written }: Places) {
    await using store = await PageStore.open(`file:${written}`);
    const volume = await store.createVolume({ name: VOLUME, pageSize: PAGE_SIZE });
    for (const [commit, offsets] of history.commits.entries()) {
      const lsn = commit + 1;
      await volume.commit({ pages: Array.from(offsets, (offset) => [offset, history.page(offset, lsn)] as const) });
    }
  },

  async open({ written }: Places, memoryBytes: number): Promise<OpenPeer> {
    const store = await PageStore.open(`file:${written}`, { memory: memoryBytes });
    const { id } = await store.volume(VOLUME);
    const target = new Uint8Array(PAGE_SIZE);
    const readInto = (offset: number, lsn: number) =>
      store.readPageIntoSync(id, offset, lsn, target) ? target : undefined;
    const borrow = (offset: number, lsn: number) => store.borrowPage(id, offset, lsn);
    return {
      // Palimpsest has one question: to know the exact LSN of a version is to ask with that LSN.
      ways: [
        { call: "borrowPage", question: "newest", read: borrow },
        { call: "borrowPage", question: "exact", read: borrow },
        { call: "readPageIntoSync", question: "newest", read: readInto },
        { call: "readPageIntoSync", question: "exact", read: readInto },
        {
          call: "readPageSync",
          question: "newest",
          read: (offset, lsn) => store.readPageSync(id, offset, lsn),
        },
        {
          call: "readPageInto",
          question: "newest",
          readAsync: async (offset, lsn) => ((await store.readPageInto(id, offset, lsn, target)) ? target : undefined),
        },
        {
          call: "readPages",
          readMany: (offsets, lsn) => store.readPages(id, offsets, lsn),
        },
      ],
      close: () => store.close(),
    };
  },
};

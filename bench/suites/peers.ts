/**
 * Palimpsest and the stores that people use today, each tuned as those who know it would: the same pages, the same
 * questions, the answers compared with the history that they come from. How each is tuned stands in `bench/peers`, what
 * the comparison says and does not say in `docs/peers.md`.
 */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Effort, Row, Suite } from "../measure.js";
import { betterSqlite3 } from "../peers/better-sqlite3.js";
import { classicLevel } from "../peers/classic-level.js";
import { BATCH, contest, type Seat } from "../peers/contest.js";
import { inFolder, sizeOnDisk } from "../peers/folder.js";
import { History, PAGE_SIZE, type Queries } from "../peers/history.js";
import { lmdb } from "../peers/lmdb.js";
import { INSTALL_COMMAND, isInstalled, type PackageName, packageNames, versionOf } from "../peers/packages.js";
import { palimpsest } from "../peers/palimpsest.js";
import type { AnyWay, OpenPeer, Peer, Places } from "../peers/peer.js";

const SEED = 20;
const COMMITS = 49;
/** Times the bytes of all pages: what the disk holds at most, all stores written, one of them twice. */
const DISK_FACTOR = 8;

const others: Readonly<Record<PackageName, Peer>> = {
  lmdb,
  "better-sqlite3": betterSqlite3,
  "classic-level": classicLevel,
};

/** How one store is opened. */
interface Entrant {
  readonly label: string;
  readonly peer: Peer;
  readonly memoryBytes: number;
}

/** So much data, and so many questions. */
interface Scale {
  readonly name: string;
  readonly pageCount: number;
  readonly queryCount: number;
  /** The questions are asked in so many parts, one in each round: `contest.ts` says why. */
  readonly partCount: number;
  readonly memoryBytes: number;
  /** Palimpsest a second time, with less memory than there are pages. */
  readonly smallMemoryBytes?: number;
}

const scales: readonly Scale[] = [
  { name: "hot", pageCount: 2048, queryCount: 8192, partCount: 1, memoryBytes: 256 << 20 },
  {
    name: "large",
    pageCount: 28672,
    queryCount: 65536,
    partCount: 16,
    memoryBytes: 2 ** 30,
    smallMemoryBytes: 64 << 20,
  },
];

const quickScales: readonly Scale[] = [
  { name: "tiny", pageCount: 256, queryCount: 512, partCount: 4, memoryBytes: 32 << 20, smallMemoryBytes: 2 << 20 },
];

/** What is asked, and by which ways. */
interface Plan {
  readonly question: string;
  readonly queries: Queries;
  takes(way: AnyWay, peer: Peer): boolean;
  /** Calls of Palimpsest that the peers' times are given as multiples of. */
  readonly yardsticks: readonly string[];
}

function plansFor(history: History, queryCount: number): Plan[] {
  const queries = history.randomQueries(queryCount);
  const single = ["borrowPage", "readPageIntoSync"];
  return [
    {
      question: "newest version at or below an LSN",
      queries,
      takes: (way) => "question" in way && way.question === "newest",
      yardsticks: single,
    },
    {
      question: "exact LSN known",
      queries: history.exactQueries(queries),
      takes: (way) => "question" in way && way.question === "exact",
      yardsticks: single,
    },
    {
      question: `newest versions, ${BATCH} offsets at one LSN`,
      queries: history.randomQueries(queryCount, BATCH),
      takes: (way, peer) => !("question" in way) || (way.question === "newest" && peer !== palimpsest),
      yardsticks: ["readPages"],
    },
  ];
}

function partsOf({ offsets, lsns }: Queries, count: number): Queries[] {
  const length = offsets.length / count;
  return Array.from({ length: count }, (_, i) => ({
    offsets: offsets.subarray(i * length, (i + 1) * length),
    lsns: lsns.subarray(i * length, (i + 1) * length),
  }));
}

/** Writes the history to every store, reports what it takes on disk, and leaves one copy in each. */
async function writeAll(
  workload: string,
  history: History,
  stores: readonly Peer[],
  places: (peer: Peer) => Places,
  report: (row: Row) => void,
): Promise<void> {
  for (const peer of stores) {
    const { written, compacted } = places(peer);
    await peer.write(history, { written, compacted });
    const row = (metric: string, folder: string) => {
      if (!existsSync(folder)) return;
      const value = sizeOnDisk(folder) / history.versionCount;
      report({ suite: "peers", workload, implementation: peer.name, metric, value, unit: "bytes" });
    };
    row("as written", written);
    row("compacted", compacted);
    if (existsSync(compacted)) await rm(written, { recursive: true, force: true });
  }
}

async function measure(
  scale: Scale,
  contestants: readonly Peer[],
  { rounds }: Effort,
  report: (row: Row) => void,
): Promise<void> {
  const { name, pageCount, queryCount, partCount, memoryBytes, smallMemoryBytes } = scale;
  const history = new History(pageCount, COMMITS, SEED);
  const pageBytes = history.versionCount * PAGE_SIZE;
  const workload = `${name}: ${Math.round(pageBytes / 2 ** 20)} MiB of pages`;
  await inFolder(DISK_FACTOR * pageBytes, async (folder) => {
    const places = ({ name }: Peer): Places => ({
      written: join(folder, `${name}-written`),
      compacted: join(folder, `${name}-compacted`),
    });
    const stores = [palimpsest, ...contestants];
    await writeAll(`${workload}; on disk, for each version of a page`, history, stores, places, report);
    const entrants: Entrant[] = stores.map((peer) => ({ label: peer.name, peer, memoryBytes }));
    if (smallMemoryBytes !== undefined) {
      const label = `palimpsest in ${smallMemoryBytes >> 20} MiB`;
      entrants.splice(1, 0, { label, peer: palimpsest, memoryBytes: smallMemoryBytes });
    }
    const opened: (Entrant & { store: OpenPeer })[] = [];
    try {
      for (const entrant of entrants) {
        opened.push({ ...entrant, store: await entrant.peer.open(places(entrant.peer), entrant.memoryBytes) });
      }
      for (const { question, queries, takes, yardsticks } of plansFor(history, queryCount)) {
        const seats = opened.flatMap(({ label, peer, store }) =>
          store.ways
            .filter((way) => takes(way, peer))
            .map((way): Seat => {
              const isPeer = peer !== palimpsest;
              const isYardstick = !isPeer && yardsticks.includes(way.call);
              return { implementation: `${label} ${way.call}`, way, isPeer, isYardstick };
            }),
        );
        const parts = partsOf(queries, partCount);
        await contest(`${workload}; ${question}`, history, seats, parts, rounds, report);
      }
    } finally {
      for (const { store } of opened) await store.close();
    }
  });
}

export const peers: Suite = {
  name: "peers",
  about: "against lmdb, better-sqlite3 and classic-level: newest at or below an LSN, exact LSN, bytes on disk",
  async run(effort, report) {
    const installed = packageNames.filter(isInstalled);
    if (installed.length === 0) {
      throw new Error(`no peer is installed. This installs ${packageNames.join(", ")}: ${INSTALL_COMMAND}`);
    }
    for (const name of packageNames) {
      if (!isInstalled(name)) console.warn(`LEFT OUT: ${name} is not installed. This installs it: ${INSTALL_COMMAND}`);
    }
    console.log(`against ${installed.map((name) => `${name} ${versionOf(name)}`).join(", ")}; seed ${SEED}`);
    const contestants = installed.map((name) => others[name]);
    for (const scale of effort.quick ? quickScales : scales) await measure(scale, contestants, effort, report);
  },
};

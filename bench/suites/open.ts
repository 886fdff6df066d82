/**
 * Opening an index: checking all of it and deriving what probes need, by the WASM core and by its TypeScript twin. Full
 * segments of 4096-byte pages, and of 512-byte pages, of which 16 MiB hold eight times as many.
 */
import { SegmentId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { encodeHead } from "../../src/format/segment-index-encode.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { Probe } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Random } from "../../test/helpers/random.js";
import { checkAgreement, type Effort, interleave, median, type Row, type Suite, spread } from "../measure.js";
import { workloads } from "../workloads.js";

/** Pages of 512 bytes in a full segment, less what an index of 4 bytes a page takes. */
const SMALL_PAGES = 32_000;

const LATEST = 0xffff_ffff;

/** A checksum of where the newest version of every offset is. */
function answers(probe: Probe, head: Uint8Array, volumes: readonly VolumeVersions[]): number {
  const index = probe.openIndex(head, "bench");
  let sum = 0;
  for (const { vid, offsets } of volumes) {
    const volume = index.volume(vid);
    for (const offset of offsets) sum = (Math.imul(sum, 31) + index.find(volume, offset, LATEST)) | 0;
  }
  index.close();
  return sum;
}

function measure(
  name: string,
  pageSizeBytes: number,
  volumes: readonly VolumeVersions[],
  probes: readonly Probe[],
  effort: Effort,
  report: (row: Row) => void,
): void {
  const head = encodeHead({ id: SegmentId.fromBytes(new Random(1).bytes(16)), pageSizeBytes, volumes });
  checkAgreement(
    name,
    probes.map((probe) => ({ implementation: probe.kind, operations: 1, run: () => answers(probe, head, volumes) })),
  );
  const row = (implementation: string, metric: string, value: number, unit: string) =>
    report({ suite: "open", workload: name, implementation, metric, value, unit });
  // Runs of like length, whatever they open.
  const pageCount = volumes.reduce((sum, { rlsns }) => sum + rlsns.length, 0);
  const opens = Math.max(1, Math.floor(16_384 / pageCount));
  const contenders = probes.map((probe) => ({
    implementation: probe.kind,
    operations: opens,
    run() {
      let pages = 0;
      for (let i = 0; i < opens; i++) {
        const index = probe.openIndex(head, name);
        pages += index.header.pageCount;
        index.close();
      }
      return pages;
    },
  }));
  const samples = interleave(contenders, effort.rounds);
  for (const probe of probes) {
    const times = samples.get(probe.kind)!;
    const index = probe.openIndex(head, name);
    row(probe.kind, "time", median(times) / 1000, "µs");
    row(probe.kind, "spread", spread(times), "of the median");
    row(probe.kind, "head", head.length, "bytes");
    row(probe.kind, "resident", index.residentBytes, "bytes");
    index.close();
  }
}

export const open: Suite = {
  name: "open",
  about: "opening an index: validating it and deriving what probes need, WASM core and TypeScript twin",
  async run(effort, report) {
    const probes = [new WasmProbe(Core.create({ memoryBytes: 64 << 20 })), new JsProbe()];
    const smallPages = effort.quick ? 500 : SMALL_PAGES;
    for (const workload of workloads) {
      measure(workload.name, 4096, workload.volumes(0), probes, effort, report);
      const { volumes } = workload.sized(smallPages);
      measure(`${workload.name}; ${smallPages} pages`, 512, volumes, probes, effort, report);
    }
  },
};

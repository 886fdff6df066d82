/** `palimpsest inspect`: what a segment is made of. */
import { HEADER_BYTES } from "../../format/segment-header.js";
import { Segment, type SegmentDescription } from "../../segment/segment.js";
import type { Command } from "../command.js";
import { type FoundSegment, segmentsInFile, segmentsInStore } from "../find-segment.js";
import { withObjects } from "../store-option.js";
import { escapeControls, formatCount } from "../terminal.js";

export const inspectCommand: Command = {
  name: "inspect",
  summary: "show what a segment is made of",
  help: `Shows a segment's header, and for each volume in it the encodings, sizes and pages of its index.
The head is verified; "palimpsest verify" verifies pages too.

Usage: palimpsest inspect <segment> [options]

The segment is a file, an object's key in the store, or a segment's id. Of a record, which is one
of the log's files, the segments that it carries are shown.

Examples:
  palimpsest inspect 01890a5d-ac96-774b-bcce-b302099a8057
  palimpsest inspect .palimpsest/v/*/l/0000000000000001

Options:
  --json           an array of { place, bytes, id, pageSizeBytes, pageCount, indexBytes, inline,
                   volumes: [{ vid, pageCount, offsetCount, offsetEncoding, rlsnEncoding,
                   indexBytes }] }`,
  options: { json: { type: "boolean" } },
  positionals: ["segment"],
  run: async (context) => {
    const { args, out, signal } = context;
    const [argument] = args.positionals;
    const found =
      (await segmentsInFile(argument)) ??
      (await withObjects(context, (objects) => segmentsInStore(objects, argument, { signal })));
    const descriptions = found.map((segment) => ({ segment, description: describe(segment) }));
    if (args.flag("json")) {
      const rows = descriptions.map(({ segment: { place, bytes }, description }) =>
        JSON.stringify({ place, bytes: bytes.length, ...description }),
      );
      return out.line(`[${rows.join(",\n")}]`);
    }
    for (const { segment, description } of descriptions) await out.write(textOf(segment, description));
  },
};

function describe({ place, bytes }: FoundSegment): SegmentDescription {
  using segment = Segment.open(bytes, { key: place });
  return segment.describe();
}

function textOf({ place, bytes }: FoundSegment, description: SegmentDescription): string {
  const { id, pageSizeBytes, pageCount, indexBytes, inline, volumes } = description;
  const perPage = (indexBytes / pageCount).toFixed(2);
  const lines = [
    `segment ${id}`,
    `  in          ${escapeControls(place)}`,
    `  bytes       ${bytes.length.toLocaleString("en-US")}`,
    `  pages       ${pageCount.toLocaleString("en-US")} of ${pageSizeBytes} bytes`,
    `  header      ${HEADER_BYTES} bytes`,
    `  index       ${formatCount(indexBytes, "byte")}, ${inline ? "inline" : "not inline"}, ${perPage} a page`,
  ];
  for (const volume of volumes) {
    lines.push(
      `  volume ${volume.vid}`,
      `    pages     ${volume.pageCount.toLocaleString("en-US")} at ${formatCount(volume.offsetCount, "offset")}`,
      `    offsets   ${volume.offsetEncoding}`,
      `    rLSNs     ${volume.rlsnEncoding}`,
      `    index     ${formatCount(volume.indexBytes, "byte")}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Opens the disk cache of a folder beside others who do the same, writes a block, and prints which file it uses. */
import { readdirSync, statSync } from "node:fs";
import { openDiskCache } from "../../../src/io/disk-cache.js";

const [folder, name] = process.argv.slice(2);
const cache = await openDiskCache({ folder, bytes: 1 << 20 });
// Another process may take the same slot at the same moment: then the block is lost, and written again.
do await cache.write("s/a", Number(name), new Uint8Array(100).fill(Number(name)));
while (!(await cache.read("s/a", Number(name))));
// The descriptor's own file, not what the path names by now.
const inodes = readdirSync("/proc/self/fd").flatMap((fd) => {
  const found = statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false });
  return found?.isFile() && found.size > 500_000 && found.size <= 1 << 20 ? [found.ino] : [];
});
console.log(inodes.join());

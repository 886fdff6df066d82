/** Writes `count` keys of a folder's store by putIfAbsent, beside others who do the same; prints the keys it won. */
import { FileStore } from "../../../src/io/file-store.js";

const [folder, name, count] = process.argv.slice(2);
const store = new FileStore(folder);
const bytes = new TextEncoder().encode(name);
const won: number[] = [];
for (let k = 0; k < Number(count); k++) {
  if ((await store.putIfAbsent(`v/a/l/${k}`, bytes)) === "created") won.push(k);
}
console.log(JSON.stringify(won));

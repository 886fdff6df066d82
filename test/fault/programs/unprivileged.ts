/** Tries every call on a folder's store that it may not write, or not read; prints the codes of the errors. */
import { PalimpsestError } from "../../../src/core/errors.js";
import { FileStore } from "../../../src/io/file-store.js";

const store = new FileStore(process.argv[2]);
const bytes = new Uint8Array(10);
const outcome = (call: () => Promise<unknown>) =>
  call().then(
    (value) => (value instanceof Uint8Array ? value.length : String(value)),
    (error) => (error instanceof PalimpsestError ? error.code : `untyped: ${error}`),
  );
const listed = async () => {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return keys.join();
};
console.log(
  JSON.stringify({
    checkWritable: await outcome(() => store.checkWritable()),
    put: await outcome(() => store.put("c/1", bytes)),
    putIfAbsent: await outcome(() => store.putIfAbsent("c/2", bytes)),
    delete: await outcome(() => store.delete("c/1")),
    get: await outcome(() => store.get("c/1")),
    getSync: await outcome(async () => store.sync.get("c/1")),
    list: await outcome(listed),
  }),
);

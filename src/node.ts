/** Everything of `palimpsest`, and what needs Node: folders and buckets as storage, a cache on disk, the platform's own SHA-256, SQLite files. */
import { nodePlatform } from "./node-platform.js";
import { type OpenOptions, PageStore as PortablePageStore } from "./store/page-store.js";

export * from "./index.js";
export { type DiskCacheOptions, openDiskCache } from "./io/disk-cache.js";
export { FileStore } from "./io/file-store.js";
export type { S3Options } from "./io/s3-options.js";
export { S3Store } from "./io/s3-store.js";
export { type ImportDatabaseOptions, type ImportResult, importDatabase } from "./sqlite/import.js";
export { type ImportFileOptions, importFile } from "./sqlite/import-file.js";
export type { ImportOptions, ImportProgress } from "./sqlite/import-target.js";
export { type RestoreOptions, type RestoreResult, restore } from "./sqlite/restore.js";
export { openSql, Sql, type SqlResult, type SqlValue } from "./sqlite/sql.js";

/** `palimpsest`'s store, which here opens folders too: `file:./pages` is relative to the working directory. */
export class PageStore extends PortablePageStore {
  static override open(url: string, options: OpenOptions = {}): Promise<PageStore> {
    return PortablePageStore.openOn(nodePlatform, url, options);
  }
}

/**
 * A slab in the browser's private file system (OPFS), by a synchronous access handle: in dedicated workers alone, and for one of
 * them at a time. Reading 16 KiB takes tens of microseconds, a twentieth of what IndexedDB takes.
 */
import { Closed, Unavailable } from "../core/errors.js";
import type { SlabFile } from "./slab-file.js";
import { HEADER_BYTES, type SlabLayout } from "./slab-layout.js";

/** A page that is loaded again may be faster than the end of its last worker, which holds the file until then. */
const TRIES = 10;
const TRY_AGAIN_MS = 30;

/** `FileSystemSyncAccessHandle`, which the types of pages do not have. */
interface SyncAccessHandle {
  read(target: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(sizeBytes: number): void;
  getSize(): number;
  close(): void;
}

interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncAccessHandle>;
}

/**
 * The slab of this name; `undefined` where there is no such file system, where another worker has the slab open, or where the
 * site may not take so much space.
 */
export async function openOpfsSlab(name: string, layout: SlabLayout): Promise<SlabFile | undefined> {
  let handle: SyncAccessHandle | undefined;
  try {
    const root = await globalThis.navigator?.storage?.getDirectory?.();
    const file: SyncFileHandle | undefined = await root?.getFileHandle(`${name}.slab`, { create: true });
    if (file?.createSyncAccessHandle === undefined) return undefined;
    handle = await openHandle(file as Required<SyncFileHandle>);
    prepare(handle, layout);
    return new OpfsSlabFile(name, handle);
  } catch {
    handle?.close();
    return undefined;
  }
}

async function openHandle(file: Required<SyncFileHandle>): Promise<SyncAccessHandle> {
  for (let tries = 1; ; tries++) {
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      const isTaken = error instanceof DOMException && error.name === "NoModificationAllowedError";
      if (!isTaken || tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}

/** Nobody else has the file: one that is not of this layout is emptied in place. */
function prepare(handle: SyncAccessHandle, layout: SlabLayout): void {
  const header = new Uint8Array(HEADER_BYTES);
  const count = handle.read(header, { at: 0 });
  if (layout.isOf(header.subarray(0, count), handle.getSize())) return;
  handle.truncate(0);
  handle.truncate(layout.sizeBytes);
  handle.write(layout.header(), { at: 0 });
}

class OpfsSlabFile implements SlabFile {
  readonly #name: string;
  #handle: SyncAccessHandle | undefined;

  constructor(name: string, handle: SyncAccessHandle) {
    this.#name = name;
    this.#handle = handle;
  }

  get #open(): SyncAccessHandle {
    if (this.#handle === undefined) throw new Closed(`the cache ${this.#name} was closed. Open it again`);
    return this.#handle;
  }

  read(at: number, target: Uint8Array): number {
    return this.#open.read(target, { at });
  }

  write(at: number, bytes: Uint8Array): void {
    const count = this.#open.write(bytes, { at });
    if (count < bytes.length) throw new Unavailable(`writing to the cache ${this.#name}: ${count} bytes were taken`);
  }

  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }
}

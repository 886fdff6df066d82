/** What passes between the thread that opened a store and those that read a volume of it. */
import type { PlainError } from "../core/error-transfer.js";

/**
 * What `Volume.share` gives, for `SharedVolume.attach` on another thread, once: plain data but for the port, which goes into
 * the list of what the message transfers.
 */
export interface VolumeHandle {
  /** The volume's id, 36 characters. */
  readonly volume: string;
  readonly pageSize: number;
  /** The volume's newest LSN when the handle was made. */
  readonly latestLsn: number;
  readonly port: MessagePort;
  /** Absent where memory cannot be shared: then pages come as copies. */
  readonly shared: SharedPlace | undefined;
}

/** Where a reader finds things in shared memory (assembly/reader.ts). */
export interface SharedPlace {
  readonly memory: WebAssembly.Memory;
  readonly mailbox: number;
  readonly cell: number;
}

/** Reader to owner: the pages that it does not find itself. */
export interface PageRequest {
  readonly id: number;
  readonly offsets: readonly number[];
  readonly lsn: number;
}

export type OwnerMessage =
  /** An answer. */
  | { readonly id: number; readonly pages: readonly (Uint8Array | undefined)[] }
  | { readonly id: number; readonly error: PlainError }
  /** Where there is no shared memory to see it in. */
  | { readonly latestLsn: number }
  /** Nothing more will be answered. */
  | { readonly closed: true };

/** A port, which in Node keeps the process alive unless it is told otherwise. */
export function holdProcess(port: MessagePort, hold: boolean): void {
  const counted = port as MessagePort & { ref?(): void; unref?(): void };
  if (hold) counted.ref?.();
  else counted.unref?.();
}

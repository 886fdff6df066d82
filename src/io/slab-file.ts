/**
 * What a slab cache stands on: a file of fixed size, read and written at positions. Others may read and write it at the same
 * time. Answers may come at once or by a promise, as the file finds faster.
 */
export interface SlabFile {
  /** Reads into `target`; the number of bytes read, fewer only where the file ends. */
  read(at: number, target: Uint8Array): number | Promise<number>;
  write(at: number, bytes: Uint8Array): void | Promise<void>;
  /** Ends what is under way. Later calls throw. */
  close(): void | Promise<void>;
}

/**
 * The file descriptors that ranges are read through, a bounded number of them, least recently used closed first. One
 * that is being read from is closed when its last reader lets go of it.
 */
export interface Descriptor {
  readonly fd: number;
  readers: number;
  /** No longer in the cache: to be closed by the last reader. */
  dropped: boolean;
}

export class DescriptorCache {
  readonly #limit: number;
  readonly #close: (fd: number) => void;
  /** In order of use, the oldest first. */
  readonly #byKey = new Map<string, Descriptor>();

  constructor(limit: number, close: (fd: number) => void) {
    this.#limit = limit;
    this.#close = close;
  }

  /** The descriptor of `key`, held for a reader that must `release` it; `undefined` where it is not open. */
  acquire(key: string): Descriptor | undefined {
    const found = this.#byKey.get(key);
    if (found === undefined) return undefined;
    this.#byKey.delete(key);
    this.#byKey.set(key, found);
    found.readers++;
    return found;
  }

  /** Takes over the open `fd` and acquires it, or the one that another call has added meanwhile. */
  add(key: string, fd: number): Descriptor {
    const found = this.acquire(key);
    if (found !== undefined) {
      this.#close(fd);
      return found;
    }
    const added = { fd, readers: 1, dropped: false };
    this.#byKey.set(key, added);
    if (this.#byKey.size > this.#limit) this.drop(this.#byKey.keys().next().value!);
    return added;
  }

  release(descriptor: Descriptor): void {
    descriptor.readers--;
    if (descriptor.dropped && descriptor.readers === 0) this.#close(descriptor.fd);
  }

  /** Forgets `key`: its file has been replaced or deleted, or reading it failed. */
  drop(key: string): void {
    const found = this.#byKey.get(key);
    if (found === undefined) return;
    this.#byKey.delete(key);
    found.dropped = true;
    if (found.readers === 0) this.#close(found.fd);
  }

  clear(): void {
    for (const key of [...this.#byKey.keys()]) this.drop(key);
  }
}

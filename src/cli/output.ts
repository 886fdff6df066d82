/**
 * A command's standard output: gathers small writes, waits when the reader is slow, and ends quietly when the reader
 * has gone (`palimpsest log app | head`).
 */
import { once } from "node:events";
import type { Writable } from "node:stream";

const GATHER_BYTES = 32768;

/** The reader closed the pipe. No failure: it has what it wanted. */
export class ReaderGone extends Error {}

export class Output {
  /** People read it, rather than a program. */
  readonly isTerminal: boolean;
  readonly #stream: Writable;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #error: NodeJS.ErrnoException | undefined;

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    stream.on("error", (error) => {
      this.#error = error;
    });
  }

  /** Bytes are kept, and must not change, until `flush`. */
  async write(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.flush();
  }

  /** Writes what was gathered and `bytes`, which may change once it has resolved. */
  async writeNow(bytes: Uint8Array): Promise<void> {
    await this.write(Uint8Array.from(bytes));
    await this.flush();
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Resolves when the stream has taken everything. */
  async flush(): Promise<void> {
    this.#throwIfBroken();
    if (this.#gathered.length === 0) return;
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    try {
      if (!this.#stream.write(bytes)) await once(this.#stream, "drain");
    } catch (error) {
      this.#error = error as NodeJS.ErrnoException;
    }
    this.#throwIfBroken();
  }

  #throwIfBroken(): void {
    if (this.#error?.code === "EPIPE") throw new ReaderGone();
    if (this.#error !== undefined) throw this.#error;
  }
}

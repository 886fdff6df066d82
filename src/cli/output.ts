/**
 * A command's standard output: gathers small writes, waits when the reader is slow, ends quietly when the reader has gone
 * (`palimpsest log app | head`), and fails when the bytes could not be written (`> /dev/full`).
 */
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

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    // Each write learns of its own failure; the event would end the process.
    stream.on("error", () => {});
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
    await this.write(bytes);
    await this.flush();
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    if (this.#gathered.length === 0) return;
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(bytes, (error?: NodeJS.ErrnoException | null) => {
        if (error === null || error === undefined) resolve();
        else reject(readerIsGone(error) ? new ReaderGone() : error);
      });
    });
  }
}

/** The second is what Node says of any write behind the one that failed. */
function readerIsGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}

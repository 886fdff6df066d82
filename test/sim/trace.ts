/** What happened in a simulated world: a hash over all of it, and the last of it in words (`TRACE_LINES=5000` shows more). */

const KEPT = Number(process.env.TRACE_LINES ?? 60);

type Line = readonly [atMs: number, who: string, what: string, detail: string];

export class Trace {
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;
  readonly #last: Line[] = [];
  #next = 0;

  note(atMs: number, who: string, what: string, detail = ""): void {
    // Whole microseconds, in two words.
    const micros = Math.round(atMs * 1000);
    this.#mix(micros >>> 0);
    this.#mix(Math.floor(micros / 2 ** 32));
    this.#mixText(who);
    this.#mixText(what);
    this.#mixText(detail);
    this.#last[this.#next] = [atMs, who, what, detail];
    this.#next = (this.#next + 1) % KEPT;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return [this.#a, this.#b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** The last of it, oldest first. */
  tail(): string {
    const lines = [...this.#last.slice(this.#next), ...this.#last.slice(0, this.#next)];
    return lines.map(([atMs, ...words]) => [`${atMs.toFixed(3)} ms`, ...words].join("  ")).join("\n");
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#b = Math.imul((this.#b << 7) | (this.#b >>> 25), 0x85ebca6b) ^ this.#a;
  }

  /** FNV-1a over its characters, then its hash into both words. */
  #mixText(text: string): void {
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#mix(hash);
  }
}

/** The progress line of long work, on a terminal's stderr: bytes, speed, time left. In a pipe nothing is written. */
import type { Writable } from "node:stream";
import { formatBytes } from "./terminal.js";

const REDRAW_MS = 100;

export class Progress {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  readonly #what: string;
  readonly #startMs: number;
  #drawnMs: number;
  #drawn = false;

  constructor(stream: Writable & { readonly isTTY?: boolean }, what: string, nowMs = performance.now()) {
    this.#stream = stream;
    this.#what = what;
    this.#startMs = nowMs;
    // The first line comes when there is a speed to tell.
    this.#drawnMs = nowMs;
  }

  /** Cheap to call often. A `totalBytes` of 0 is unknown. */
  update(doneBytes: number, totalBytes: number, nowMs = performance.now()): void {
    if (this.#stream.isTTY !== true || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#drawn = true;
    this.#stream.write(`\r\x1b[K${progressLine(this.#what, doneBytes, totalBytes, nowMs - this.#startMs)}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawn) this.#stream.write("\r\x1b[K");
    this.#drawn = false;
  }
}

export function progressLine(what: string, doneBytes: number, totalBytes: number, elapsedMs: number): string {
  const perSecond = elapsedMs > 0 ? doneBytes / (elapsedMs / 1000) : 0;
  const speed = `${formatBytes(Math.round(perSecond))}/s`;
  if (totalBytes <= 0) return `${what}: ${formatBytes(doneBytes)}, ${speed}`;
  const percent = Math.min(100, Math.floor((100 * doneBytes) / totalBytes));
  const left = perSecond > 0 ? formatDuration(Math.max(0, totalBytes - doneBytes) / perSecond) : "?";
  return `${what}: ${percent}% of ${formatBytes(totalBytes)}, ${speed}, ${left} left`;
}

function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

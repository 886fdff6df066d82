/**
 * The fuzzing campaign on the objects of the log. For each hostile object the decoder either refuses it by a typed error that names
 * it, or accepts it: then it says the same when it is encoded again, in the same bytes, for a value has one encoding. Whatever
 * throws anything else, or takes over 50 ms, fails. One seed makes all.
 */
import { Corrupt, UnsupportedFormat } from "../../src/core/errors.js";
import { readLogObject } from "../helpers/describe-log-object.js";
import { Random } from "../helpers/random.js";
import { withoutStacks } from "../helpers/without-stacks.js";
import { HostileLog, type HostileObject, seal } from "./hostile-log.js";
import { Watchdog } from "./watchdog.js";

const MAX_CASE_MS = 50;
/** A case that takes this long will not end. */
const STALL_MS = 30_000;
const ENVELOPE_BYTES = 32;

export interface LogFuzzReport {
  cases: number;
  /** By kind. */
  readonly accepted: Map<string, number>;
  /** How often each reason was given for a refusal. */
  readonly refused: Map<string, number>;
}

const count = (counts: Map<string, number>, what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);

export class LogFuzz {
  readonly report: LogFuzzReport = { cases: 0, accepted: new Map(), refused: new Map() };
  readonly #seed: number;
  readonly #objects: HostileLog;

  constructor(seed: number) {
    this.#seed = seed;
    this.#objects = new HostileLog(new Random(seed));
  }

  /**
   * Runs `cases` more cases.
   *
   * @throws Error that tells what is wrong and shows the object, at the first case that fails.
   */
  run(cases: number): void {
    using watchdog = new Watchdog(`fuzzing the log with seed ${this.#seed}`, STALL_MS);
    withoutStacks(() => {
      for (let i = 0; i < cases; i++) {
        const object = this.#objects.next();
        this.report.cases++;
        try {
          this.#check(object);
        } catch (error) {
          const where = `seed ${this.#seed}, case ${this.report.cases}, ${object.key}`;
          const hex = Buffer.from(object.bytes).toString("hex");
          throw new Error(`${where}: ${String(error)}; object ${hex}`, { cause: error });
        }
        watchdog.beat();
      }
    });
  }

  #check(object: HostileObject): void {
    const began = performance.now();
    this.#decode(object);
    if (performance.now() - began <= MAX_CASE_MS) return;
    // Slow once may be the machine; slow three times is the object.
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i++) {
      const again = performance.now();
      // Counts nothing: on a slow machine, too, a seed gives the same report.
      try {
        readLogObject(object.key, object.bytes).encode();
      } catch {}
      shortest = Math.min(shortest, performance.now() - again);
    }
    if (shortest > MAX_CASE_MS) throw new Error(`takes ${shortest.toFixed(0)} ms to decode`);
  }

  #decode({ key, bytes, sealed }: HostileObject): void {
    const { report } = this;
    let found: ReturnType<typeof readLogObject>;
    try {
      found = readLogObject(key, bytes);
    } catch (error) {
      if (error instanceof Corrupt) {
        if (error.key !== key) throw new Error(`the error names ${error.key}`);
        if (!(error.byteOffset >= 0 && error.byteOffset <= bytes.length)) throw new Error(`byte ${error.byteOffset}`);
        count(report.refused, error.message.split(":")[0]);
      } else if (error instanceof UnsupportedFormat) {
        if (!error.message.includes(key)) throw new Error(`the error does not name the object: ${error.message}`);
        if (!sealed) throw new Error("unsupported, though the checksum is wrong");
        count(report.refused, "unsupported");
      } else {
        throw error;
      }
      return;
    }
    if (!sealed) throw new Error("accepted, though it is damaged");
    count(report.accepted, key.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "*").replace(/[0-9a-f-]{16,}/, "N"));
    if (bytes[8] > 0) this.#compare(found.encode(), bytes);
    else this.#checkOlder(key, bytes, found);
  }

  #compare(encoded: Uint8Array, bytes: Uint8Array): void {
    if (Buffer.compare(encoded, bytes) === 0) return;
    throw new Error(`accepted, and encoded otherwise: ${Buffer.from(encoded).toString("hex")}`);
  }

  /** Of version 0, whose encoder is gone: what has the same fields in version 1 must come back, but for the version. */
  #checkOlder(key: string, bytes: Uint8Array, { encode }: ReturnType<typeof readLogObject>): void {
    if (/^v\/.*\/[mf]\//.test(key)) return;
    const encoded = encode();
    encoded[8] = 0;
    seal(encoded, new DataView(encoded.buffer).getUint32(12, true));
    if (bytes.length >= ENVELOPE_BYTES) this.#compare(encoded, bytes);
  }
}

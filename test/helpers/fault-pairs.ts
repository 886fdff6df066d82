/**
 * A plan for the fault proxy under which every fault happens right after every other: runs of two or three requests in a row
 * that all fail, and some requests between the runs that are left alone. What comes next is drawn from the pairs that have
 * not been seen yet, as far as the kinds of the requests allow.
 */
import { type RequestKind, SOCKET_FAULTS, type SocketFault } from "./fault-proxy.js";
import type { Random } from "./random.js";

const FAULTS = Object.keys(SOCKET_FAULTS) as SocketFault[];
/** They cost the client its whole time limit: seldom, once their pairs are done. */
const SLOW: readonly SocketFault[] = ["stall", "stall-applied"];
const SLOW_CHANCE = 0.03;
/** Servers that are overloaded are so for some requests, and now and then for longer than anybody tries again. */
const STORMS: readonly SocketFault[] = ["429", "503"];
const STORM_CHANCE = 0.3;
const LONG_STORM_CHANCE = 0.01;
const LONG_STORM = 60;

export class FaultPairs {
  readonly #random: Random;
  readonly #longestGap: number;
  /** How often the second fault came right after the first. */
  readonly #seen = new Map<SocketFault, Map<SocketFault, number>>();
  /** What happened to the request before. */
  #previous: SocketFault | undefined;
  /** Requests left of this gap or run. */
  #left = 0;
  #inRun = false;
  #storm = 0;

  constructor(random: Random, longestGap: number) {
    this.#random = random;
    this.#longestGap = longestGap;
    for (const first of FAULTS) this.#seen.set(first, new Map());
  }

  next(kind: RequestKind): SocketFault | undefined {
    this.#left--;
    // Most requests are GETs: what happens to the others alone would else be seen too seldom.
    const begins = !this.#inRun && (this.#left < 0 || (kind !== "get" && this.#random.chance(0.4)));
    if (begins || (this.#inRun && this.#left < 0)) {
      this.#inRun = begins;
      this.#left = begins ? 1 + this.#random.below(2) : this.#random.below(this.#longestGap);
    }
    const fault = this.#inRun ? this.#choose(kind) : undefined;
    if (fault !== undefined && this.#previous !== undefined) {
      const after = this.#seen.get(this.#previous)!;
      after.set(fault, (after.get(fault) ?? 0) + 1);
    }
    this.#previous = fault;
    return fault;
  }

  #choose(kind: RequestKind): SocketFault {
    const previous = this.#previous;
    if (this.#storm > 0 && previous !== undefined && STORMS.includes(previous)) {
      this.#storm--;
      this.#left++;
      return previous;
    }
    this.#storm = 0;
    const fitting = FAULTS.filter((fault) => (SOCKET_FAULTS[fault] as readonly RequestKind[]).includes(kind));
    const isNew = (fault: SocketFault) =>
      previous === undefined ? this.#seen.get(fault)!.size < FAULTS.length : !this.#seen.get(previous)!.has(fault);
    const wanted = fitting.filter(isNew);
    const quick = this.#random.chance(SLOW_CHANCE) ? fitting : fitting.filter((fault) => !SLOW.includes(fault));
    const fault = this.#random.pick(wanted.length > 0 ? wanted : quick);
    if (STORMS.includes(fault) && this.#random.chance(STORM_CHANCE)) {
      this.#storm = this.#random.chance(LONG_STORM_CHANCE / STORM_CHANCE) ? LONG_STORM : 1 + this.#random.below(4);
    }
    return fault;
  }

  /** "first, then second" for every pair that has not happened. */
  missing(): string[] {
    return FAULTS.flatMap((first) =>
      FAULTS.filter((second) => !this.#seen.get(first)!.has(second)).map((second) => `${first}, then ${second}`),
    );
  }

  /** How often each fault (across) came right after each other one (down). */
  matrix(): string {
    const cells = (first: SocketFault) =>
      FAULTS.map((second) => String(this.#seen.get(first)!.get(second) ?? 0).padStart(4));
    const legend = FAULTS.map((fault, i) => `${i + 1} ${fault}`).join(", ");
    const head = `${"".padEnd(18)}${FAULTS.map((_, i) => String(i + 1).padStart(4)).join("")}`;
    return [legend, head, ...FAULTS.map((first) => first.padEnd(18) + cells(first).join(""))].join("\n");
  }
}

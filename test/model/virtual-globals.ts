/**
 * Time and chance for code under test: while it is installed, `performance.now`, `Date.now`, the timers, `Math.random` and
 * `crypto.getRandomValues` ask a host. Code in `src` takes time and chance from nowhere else, so a run depends on the host alone.
 */

export interface Host {
  monotonicMs(): number;
  wallMs(): number;
  /** Calls `wake` once, `delayMs` later by the host's clock. */
  setTimer(wake: () => void, delayMs: number): number;
  clearTimer(timer: number): void;
  /** 32 random bits. */
  u32(): number;
}

/** Replaces the globals. Returns what puts them back: nothing else may run in between that needs the real ones. */
export function installGlobals(host: Host): () => void {
  const restores: (() => void)[] = [];
  const replace = (owner: object, name: string, value: unknown) => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: false });
    restores.push(() => {
      if (before) Object.defineProperty(owner, name, before);
      else Reflect.deleteProperty(owner, name);
    });
  };
  replace(performance, "now", () => host.monotonicMs());
  replace(Date, "now", () => Math.floor(host.wallMs()));
  replace(globalThis, "setTimeout", (wake: () => void, delayMs = 0) => host.setTimer(wake, delayMs));
  replace(globalThis, "clearTimeout", (timer: number) => host.clearTimer(timer));
  replace(Math, "random", () => host.u32() / 2 ** 32);
  replace(crypto, "getRandomValues", <T extends ArrayBufferView>(target: T): T => {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = host.u32();
    return target;
  });
  return () => {
    for (const restore of restores.reverse()) restore();
  };
}

/** Resolves when everything that can go on without I/O or a timer has done so: `nextTick` runs behind all microtasks. */
export const quiescence = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

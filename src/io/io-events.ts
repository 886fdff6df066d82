/** What a store tells whoever traces it: every request, and what was done about slow and failed ones. Holds no credentials. */
import type { ErrorCode } from "../core/errors.js";

export type IoOperation = "get" | "getRange" | "put" | "putIfAbsent" | "list" | "delete";

export type IoEvent =
  /** A request to the storage has ended. Of a hedged call there is one for each request. */
  | {
      readonly type: "request";
      readonly operation: IoOperation;
      readonly key: string;
      /** Of a `getRange`: its first byte, and the length asked for. */
      readonly start?: number | undefined;
      readonly length?: number | undefined;
      readonly durationMs: number;
      /** Sent or received. */
      readonly bytes: number;
      readonly outcome: "ok" | "absent" | "created" | "exists" | ErrorCode;
    }
  /** A request failed in a way that may pass, and is sent again after a delay. `attempt` counts from 1. */
  | {
      readonly type: "retry";
      readonly operation: IoOperation;
      readonly key: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: ErrorCode;
    }
  /** A read was slow, so it was sent a second time; `won`: whether the second answered first. */
  | {
      readonly type: "hedge";
      readonly operation: IoOperation;
      readonly key: string;
      readonly afterMs: number;
      readonly won: boolean;
    }
  /** A range was looked for in the cache. */
  | {
      readonly type: "cache";
      readonly key: string;
      readonly start: number;
      readonly length: number;
      readonly hit: boolean;
    };

/** Called in place: it must be quick, and what it throws is dropped. */
export type IoListener = (event: IoEvent) => void;

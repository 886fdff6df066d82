/**
 * SHA-256, in the form that everything here takes it: Node's entry passes `node:crypto`'s, which is several times faster
 * on whole segments; browsers have only an asynchronous one of their own, so they get this.
 */
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

/** The 32 bytes of SHA-256 over `bytes`. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export const SHA256_BYTES = 32;

export const sha256: Sha256 = (bytes) => nobleSha256(bytes);

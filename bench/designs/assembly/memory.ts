// The laboratory's map of linear memory. The core's probe is compiled into the same module and has the regions below its
// HEAP; the laboratory's begin there, each where the one before it ends.
//
//   OFFSETS, RLSNS, LOCALS   a batch: query i is OFFSETS[i], RLSNS[i]; its answer LOCALS[i]
//   HANDLES                  of a scattered batch: query i is asked of the volume HANDLES[i]
//   LANES                    what lockstep searches keep for each of their lanes
//   SINK                     where reads ahead leave what they read, which nobody asks for
//   INDEXES                  the bytes of all resident indexes, each followed by what was derived from it; placed by the
//                            host (wasm-designs.ts), one behind the other
import { HEAP } from "../../../assembly/memory";

/** Queries in one batch call. */
export const BATCH_CAPACITY: u32 = 4096;

const BATCH_ARRAY_BYTES: u32 = BATCH_CAPACITY * 4;
const LANES_BYTES: u32 = 1024;
const SINK_BYTES: u32 = 4;

export const OFFSETS: u32 = HEAP;
export const RLSNS: u32 = OFFSETS + BATCH_ARRAY_BYTES;
export const LOCALS: u32 = RLSNS + BATCH_ARRAY_BYTES;
export const HANDLES: u32 = LOCALS + BATCH_ARRAY_BYTES;
export const LANES: u32 = HANDLES + BATCH_ARRAY_BYTES;
export const SINK: u32 = LANES + LANES_BYTES;
/** Aligned to 64 bytes, a cache line. */
export const INDEXES: u32 = (SINK + SINK_BYTES + 63) & ~63;

// Byte deltas (spec/segment.md) that `derive` has checked: a group's rLSNs are added up from its start, or from a sample
// inside it, one every SAMPLE_INTERVAL versions.
import { SAMPLE_INTERVAL } from "./volume";

/** Bytes of the delta at `at`. */
// @ts-ignore: decorator
@inline
function deltaBytes(at: u32): u32 {
  return load<u8>(at) < 255 ? 1 : 5;
}

/** The delta at `at`. */
// @ts-ignore: decorator
@inline
function deltaAt(at: u32): u32 {
  const byte = <u32>load<u8>(at);
  return byte < 255 ? byte : load<u32>(at, 1);
}

/** A group's last version at or below `rlsn`, or -1. */
export function lastDeltaAtOrBelow(volume: u32, ordinal: u32, rlsn: u32): i32 {
  const bytes = load<u32>(volume, 24);
  const group = load<u32>(volume, 28) + (ordinal << 3);
  const samples = load<u32>(volume, 36);
  const start = load<u32>(group);
  const end = load<u32>(group, 8);
  // The samples inside the group are those of indexes lo*32 .. (hi-1)*32; the last one at or below rlsn begins the scan.
  const firstSample = (start + SAMPLE_INTERVAL - 1) / SAMPLE_INTERVAL;
  let lo = firstSample;
  let hi = (end + SAMPLE_INTERVAL - 1) / SAMPLE_INTERVAL;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (load<u32>(samples + (middle << 3)) <= rlsn) lo = middle + 1;
    else hi = middle;
  }
  let index: u32;
  let value: u64;
  let at: u32;
  if (lo > firstSample) {
    const sample = samples + ((lo - 1) << 3);
    index = (lo - 1) * SAMPLE_INTERVAL;
    value = load<u32>(sample);
    at = bytes + load<u32>(sample, 4);
  } else {
    index = start;
    at = bytes + load<u32>(group, 4);
    value = deltaAt(at);
    if (value > <u64>rlsn) return -1;
    at += deltaBytes(at);
  }
  while (index + 1 < end) {
    value += <u64>deltaAt(at) + 1;
    if (value > <u64>rlsn) break;
    at += deltaBytes(at);
    index++;
  }
  return index;
}

/** The rLSN of the volume's version `index`. */
export function deltaRlsn(volume: u32, index: u32): u32 {
  const bytes = load<u32>(volume, 24);
  const groups = load<u32>(volume, 28);
  let lo: u32 = 0;
  let hi = load<u32>(volume, 52);
  while (hi - lo > 1) {
    const middle = (lo + hi) >> 1;
    if (load<u32>(groups + (middle << 3)) <= index) lo = middle;
    else hi = middle;
  }
  const group = groups + (lo << 3);
  let from = load<u32>(group);
  const sampled = index - (index % SAMPLE_INTERVAL);
  let value: u32;
  let at: u32;
  if (sampled > from) {
    const sample = load<u32>(volume, 36) + ((sampled / SAMPLE_INTERVAL) << 3);
    from = sampled;
    value = load<u32>(sample);
    at = bytes + load<u32>(sample, 4);
  } else {
    at = bytes + load<u32>(group, 4);
    value = deltaAt(at);
    at += deltaBytes(at);
  }
  while (from < index) {
    value += deltaAt(at) + 1;
    at += deltaBytes(at);
    from++;
  }
  return value;
}

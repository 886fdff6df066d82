/** A stub: what stays at the key of a manifest that was collected (spec/log.md, "Stub"). It names a newer generation. */
import { decodeEnvelope, encodeEnvelope, isOfKind, Kind } from "./envelope.js";

export function encodeStub(key: string, generation: number): Uint8Array {
  return encodeEnvelope(Kind.stub, key, (writer) => writer.varint(generation));
}

/**
 * @param collected The generation at whose key it is.
 * @returns the generation that was the newest when the manifest was collected: a newer one, so that following stubs ends.
 */
export function decodeStub(bytes: Uint8Array, key: string, collected: number): number {
  const { reader, version } = decodeEnvelope(bytes, key, Kind.stub);
  if (version === 0) throw reader.corrupt("stub", "none in version 0", "one", 0);
  const generation = reader.positive("generation");
  if (generation <= collected) throw reader.corrupt("stub", `a generation above ${collected}`, `${generation}`, 0);
  reader.end();
  return generation;
}

export const isStub = (bytes: Uint8Array): boolean => isOfKind(bytes, Kind.stub);

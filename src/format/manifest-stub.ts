/** A stub: what stays at the key of a manifest that was collected (spec/log.md, "Stub"). It names a newer generation. */
import { decodeEnvelope, encodeEnvelope, isOfKind, Kind } from "./envelope.js";

export function encodeStub(key: string, generation: number): Uint8Array {
  return encodeEnvelope(Kind.stub, key, (writer) => writer.varint(generation));
}

/** @returns the generation that was the newest when the manifest was collected. */
export function decodeStub(bytes: Uint8Array, key: string): number {
  const { reader } = decodeEnvelope(bytes, key, Kind.stub);
  const generation = reader.varint();
  reader.end();
  return generation;
}

export const isStub = (bytes: Uint8Array): boolean => isOfKind(bytes, Kind.stub);

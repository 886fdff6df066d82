/**
 * One page of ListObjectsV2, decoded:
 *
 *     <ListBucketResult>
 *       <IsTruncated>true</IsTruncated> <NextContinuationToken>…</NextContinuationToken> <EncodingType>url</EncodingType>
 *       <Contents> <Key>a%2Fb</Key> <LastModified>2026-11-25T16:24:00.000Z</LastModified> <Size>17</Size> … </Contents> …
 *
 * Keys come URL-encoded where the server says so: XML cannot hold every key that a bucket can.
 */
import { elements, elementText } from "./s3-xml.js";

export interface S3ListPage {
  readonly entries: readonly S3ListEntry[];
  /** `undefined` on the last page. */
  readonly next: string | undefined;
}

export interface S3ListEntry {
  /** In the bucket: with the store's prefix. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** What ListObjectsV2 gives at most. */
export const KEYS_PER_PAGE = 1000;

/** `undefined` for anything that is no such page. */
export function decodeListPage(xml: string): S3ListPage | undefined {
  const truncated = elementText(xml, "IsTruncated");
  if (!xml.includes("<ListBucketResult") || (truncated !== "true" && truncated !== "false")) return undefined;
  const next = truncated === "true" ? elementText(xml, "NextContinuationToken") : undefined;
  if (truncated === "true" && !next) return undefined;
  const encoded = elementText(xml, "EncodingType") === "url";
  const entries: S3ListEntry[] = [];
  for (const content of elements(xml, "Contents")) {
    const entry = decodeEntry(content, encoded);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  return { entries, next };
}

function decodeEntry(xml: string, encoded: boolean): S3ListEntry | undefined {
  const text = elementText(xml, "Key");
  const size = elementText(xml, "Size");
  const modifiedMs = Date.parse(elementText(xml, "LastModified") ?? "");
  const key = text !== undefined && encoded ? urlDecoded(text) : text;
  if (key === undefined || size === undefined || !/^\d{1,15}$/.test(size) || Number.isNaN(modifiedMs)) return undefined;
  return { key, sizeBytes: Number(size), modifiedMs };
}

function urlDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

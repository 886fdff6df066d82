/**
 * URLs of stores over HTTP: which are taken, and how one is shown. What is refused is not repeated in full, since a name
 * and password, a signed query or a token in it would land in a log.
 */
import { InvalidArgument } from "../core/errors.js";

/** A part of a path that could leave it, or mean another one to some host. */
const BAD_PART = /^$|^\.\.?$|^(%2e|\.){1,2}$|%2f|%5c|%00/i;
const CONTROL = /[\0-\x20\x7f\\]/;

/**
 * `http:` or `https:`, a host, and a path without a slash at its end.
 *
 * @throws InvalidArgument for anything else: a name or password, a query, a fragment, `..`, an encoded slash.
 */
export function parseHttpUrl(url: string, use: string): string {
  const refuse = (why: string) => new InvalidArgument(`${use} ${showUrl(url)}: ${why}`);
  const match = /^https?:\/\/([^/?#]+)([^?#]*)(.*)$/is.exec(url);
  if (match === null) throw refuse('must begin with "https://" or "http://" and a host');
  const [, authority, path, rest] = match;
  if (authority.includes("@")) throw refuse("must not hold a name or password");
  if (rest !== "") throw refuse("must not hold a query or fragment (?…, #…)");
  if (CONTROL.test(url) || !URL.canParse(url)) throw refuse("is not a URL");
  const parts = path.replace(/\/+$/, "").split("/").slice(1);
  if (parts.some((part) => BAD_PART.test(part))) {
    throw refuse('its path must not hold "..", an empty part, or an encoded slash or zero byte');
  }
  return new URL(url).href.replace(/\/+$/, "");
}

/**
 * A URL for a message, without its query or fragment. Where there is an "@", a password may stand before it, with slashes
 * and question marks of its own: then only the scheme is shown.
 */
export function showUrl(url: string): string {
  const text = String(url);
  if (text.includes("@")) return JSON.stringify(`${/^[a-z][a-z0-9+.-]{0,20}:\/\//i.exec(text)?.[0] ?? ""}…`);
  const [plain] = text.split(/[?#]/, 1);
  return JSON.stringify(plain.slice(0, 200) + (plain.length < text.length ? "?…" : ""));
}

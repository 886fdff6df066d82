/**
 * The little of S3's XML that a store needs: the text of an element by its name, and of the repeated ones. S3 writes flat
 * XML without CDATA, comments or namespaced prefixes in these answers, so finding tags is enough, and no parser can be led
 * into entities or deep nesting. Anything else gives nothing, which the callers refuse.
 */

/** The text of the first element `name`; `undefined` where there is none. */
export function elementText(xml: string, name: string): string | undefined {
  const [inner] = elements(xml, name);
  return inner === undefined || inner.includes("<") ? undefined : decodeEntities(inner);
}

/** What stands between the tags of every element `name`, in order. None may hold another of its name. */
export function* elements(xml: string, name: string): Generator<string> {
  const open = `<${name}>`;
  const close = `</${name}>`;
  for (let at = 0; ; ) {
    const start = xml.indexOf(open, at);
    if (start === -1) return;
    const end = xml.indexOf(close, start + open.length);
    if (end === -1) return;
    yield xml.slice(start + open.length, end);
    at = end + close.length;
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

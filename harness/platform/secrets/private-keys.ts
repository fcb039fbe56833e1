import type { SecretSpan } from "./span.ts";

const begin = /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g;
const end = /-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g;
/** A private key of 8192 bits has 6.3 KiB in PEM, and more with escaped or indented line ends. */
const longestPem = 32 * 1024;

const pemKind = "private key";

/** Whether a text contains a private key, in PEM or in base64 of PEM. */
export const holdsPrivateKey = (text: string): boolean =>
  pemSpans(text).length > 0 || encodedSpans(text).some((s) => s.kind === encodedKind);

/** Private keys in PEM, complete or truncated at either end. */
export function pemSpans(text: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  const ends = [...text.matchAll(end)].map((m) => ({ start: m.index, end: m.index + m[0].length }));
  let next = 0;
  let past = 0;
  const begins = [...text.matchAll(begin)];
  for (const [i, m] of begins.entries()) {
    if (m.index < past) continue;
    const body = m.index + m[0].length;
    for (let own = ends[next]; own !== undefined && own.start < body; own = ends[++next])
      if (own.start >= past) spans.push({ start: bodyStart(text, own.start), end: own.end, kind: pemKind });
    const own = ends[next];
    const nextBegin = begins[i + 1]?.index ?? text.length;
    const whole =
      own !== undefined &&
      own.start < nextBegin &&
      isBody(text, body, Math.min(own.start, body + longestPem + 1));
    if (whole) next += 1;
    past = whole ? own.end : bodyEnd(text, body);
    spans.push({ start: m.index, end: past, kind: pemKind });
  }
  for (const own of ends.slice(next))
    if (own.start >= past) spans.push({ start: bodyStart(text, own.start), end: own.end, kind: pemKind });
  return spans;
}

/** Whether the text between two positions consists of lines of base64, each with an optional prefix of a log or format. */
function isBody(text: string, from: number, to: number): boolean {
  if (to - from > longestPem) return false;
  const gaps = text.slice(from, to).split(/[A-Za-z0-9+/=]{16,}/);
  return gaps.every((gap) => gap.length <= 200);
}

/** One more line of base64, after a line end of any format. */
const nextLine = /(?:\s|\\{1,8}[nr]|&#(?:10|13|x[aAdD]);){1,200}[A-Za-z0-9+/=]{16,}(?![A-Za-z0-9+/=])/y;

function bodyEnd(text: string, from: number): number {
  for (let at = from; ; ) {
    nextLine.lastIndex = at;
    const line = nextLine.exec(text);
    if (line === null || at - from > longestPem) return at;
    at += line[0].length;
  }
}

/** Goes backwards over lines of base64 without a header; all lines but the last have `least` characters. */
function bodyStart(text: string, to: number, least = 16): number {
  const first = Math.max(0, to - longestPem);
  let at = to;
  while (at > first) {
    let end = at;
    for (let n = lineEndBefore(text, end); n > 0 && end > first; n = lineEndBefore(text, end)) end -= n;
    let start = end;
    while (start > first && isPem(text.charCodeAt(start - 1))) start -= 1;
    // The first letter belongs to an escape.
    if (text[start - 1] === "\\") start += 1;
    if (end - start < (at === to && least === 16 ? 1 : least)) break;
    at = start;
  }
  return at;
}

/** The number of characters before a position that are white space or part of an escaped line end. */
function lineEndBefore(text: string, at: number): number {
  const before = text[at - 1] ?? "";
  if (before === "\\" || /\s/.test(before)) return 1;
  return text[at - 2] === "\\" && (before === "n" || before === "r") ? 2 : 0;
}

const encodedKind = "private key in base64";

/** Texts to search for inside base64, and the kind of secret that each means. */
const encodedNeedles: readonly (readonly [string, string])[] = [
  ["PRIVATE KEY", encodedKind],
  ["rfc4106(gcm(aes))", "IPsec key in base64"],
  ["hmac(sha", "IPsec key in base64"],
];

/** The base64 characters of a text that do not depend on its context: one string for each of three alignments. */
function alignments(text: string): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.from("\0".repeat(shift) + text)
      .toString("base64")
      .replace(/=+$/, "");
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor(((shift + text.length) * 8) / 6);
    return encoded.slice(first, last);
  });
}

const encodedPattern = new RegExp(
  encodedNeedles.map(([needle]) => `(${alignments(needle).map(escaped).join("|")})`).join("|"),
  "g",
);

function escaped(text: string): string {
  return text.replace(/[+/]/g, "\\$&");
}

/** Letters, digits, `/`, `+` and `=`. */
const isPem = (c: number): boolean =>
  (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 47 && c <= 57) || c === 43 || c === 61;

/** The URL-safe alphabet, with `-` and `_`. */
const isBase64 = (c: number): boolean => isPem(c) || c === 45 || c === 95;

/** Keys in base64, with all their wrapped lines. Certificates in base64 are public and stay. */
export function encodedSpans(text: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  let past = 0;
  for (const m of text.matchAll(encodedPattern)) {
    if (m.index < past) continue;
    let start = m.index;
    while (start > past && isBase64(text.charCodeAt(start - 1))) start -= 1;
    let stop = m.index + m[0].length;
    while (stop < text.length && isBase64(text.charCodeAt(stop))) stop += 1;
    // With wrapped lines the needle may be in any of them.
    past = bodyEnd(text, stop);
    const kind = encodedNeedles[m.slice(1).findIndex((g) => g !== undefined)]?.[1] ?? encodedKind;
    spans.push({ start: bodyStart(text, start, 60), end: past, kind });
  }
  return spans;
}

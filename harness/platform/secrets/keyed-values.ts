import type { SecretSpan } from "./span.ts";

const word =
  /(password|passwd|passphrase|pwd|pass|client[-_ ]?secret|secret[-_ ]?(?:access[-_ ]?)?key|access[-_ ]?key(?:[-_]?id)?|api[-_ ]?key|encryption[-_ ]?key|signing[-_ ]?key|certificate-key|client-key-data|tls\.key|ca\.key|auth[-_]?token|secret|token|credentials?|\.dockerconfigjson|\.dockercfg|_auth)/gi;
/** Separators between a name and its value in YAML, JSON (escaped or not), XML, env, Go and command lines. */
const quotes = String.raw`(?:["'\\]|&quot;|&apos;|&#3[49];){0,5}`;
const separators = [
  String.raw`${quotes}[ \t]{0,20}(?::=|=>|[:=])(?![:=])[ \t]{0,20}(?:[|>][+-]?\r?\n[ \t]{1,40})?`,
  // A container's environment: { name: DB_PASSWORD, value: ... }.
  String.raw`${quotes}\s{0,60},?\s{0,60}${quotes}value${quotes}\s{0,10}:\s{0,10}`,
];
const assigned = new RegExp(`(?:${separators.join("|")})`, "y");
/** `--token VALUE`, also as a list of arguments. */
const flagged = new RegExp(String.raw`(?:[ \t]{1,20}|${quotes}\s{0,60},\s{0,60})`, "y");
const opening = /\\{0,8}["'`]|&quot;|&apos;|&#3[49];/y;
const bare = /(?:(?!&quot;|&apos;|&#3[49];|&lt;|&gt;)[^\s"'`\\,;<>{}[\]()|])+/y;
/** Maximum length in characters of a quoted and of an unquoted value. */
const longest = 64 * 1024;
const longestBare = 4096;

/** Values of names such as `password`, `authToken` or `DB_SECRET`, unless they look like a name or a path. */
export function keyedSpans(text: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  let past = 0;
  // An unquoted value that contains many of these names is read once, not once per name.
  let bareEnd = 0;
  const endOfBare = (at: number): number => {
    if (at >= bareEnd) bareEnd = after(bare, text, at) ?? at;
    return bareEnd;
  };
  for (const m of text.matchAll(word)) {
    if (m.index < past) continue;
    const value = valueAfter(text, m.index, m.index + m[0].length, endOfBare);
    if (value === undefined) continue;
    const prefix = prefixOf(text, m.index);
    if (!isSecret(m[0].toLowerCase(), prefix, text.slice(value.start, value.end))) continue;
    spans.push({ ...value, kind: kindOf(m[0]) });
    past = value.end;
  }
  return spans;
}

function kindOf(name: string): string {
  if (/^pass|^pwd/i.test(name)) return "password";
  if (/token|^_auth/i.test(name)) return "token";
  if (/docker/i.test(name)) return "registry credentials";
  return /key/i.test(name) ? "key" : "secret";
}

/** The part of the same name before the word, at most 64 characters. */
function prefixOf(text: string, at: number): string {
  return /[\w./-]*$/.exec(text.slice(Math.max(0, at - 64), at))?.[0] ?? "";
}

function valueAfter(
  text: string,
  nameStart: number,
  nameEnd: number,
  endOfBare: (at: number) => number,
): { start: number; end: number } | undefined {
  const isFlag = /(?:^|[\s"'=,[])--[\w-]*$/.test(text.slice(Math.max(0, nameStart - 40), nameStart));
  let at = after(assigned, text, nameEnd);
  if (at === undefined && isFlag) at = after(flagged, text, nameEnd);
  if (at === undefined) return undefined;
  opening.lastIndex = at;
  const open = opening.exec(text)?.[0];
  if (open !== undefined) {
    const start = at + open.length;
    const end = closing(text, start, open);
    return end === undefined || end - start > longest ? undefined : { start, end };
  }
  const end = endOfBare(at);
  return end === at || end - at > longestBare ? undefined : { start: at, end };
}

function after(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found === null ? undefined : at + found[0].length;
}

/** The same quote, after as many backslashes as the opening quote. */
function closing(text: string, from: number, open: string): number | undefined {
  const escapes = open.length - 1;
  if (open.startsWith("&")) {
    const at = text.indexOf(open, from);
    return at < 0 ? undefined : at;
  }
  const quote = open.at(-1) ?? '"';
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (at - slashes - 1 >= from && text[at - slashes - 1] === "\\") slashes += 1;
    if (slashes <= escapes) return at - slashes;
  }
  return undefined;
}

const always = new Set([
  "client-key-data",
  "tls.key",
  "ca.key",
  ".dockerconfigjson",
  ".dockercfg",
  "certificate-key",
]);
/** Names of public values or values derived from a secret. */
const notSecretPrefix = /checksum|hash|digest|sha\d|public|pub[-_]|bypass|compass|max|min|count/i;
const placeholder =
  /^(?:true|false|null|nil|none|unset|optional|required|\*+|x+|\.+|-+|\$\{?[\w.]+\}?|\$\([\w.]+\)|%[a-z]\w*%?|\{\{.*\}\}|\[?redacted.*|\[.*left out\]?)$/i;

function isSecret(name: string, prefix: string, value: string): boolean {
  if (placeholder.test(value) || notSecretPrefix.test(prefix)) return false;
  if (name === "pass" && !/[-_]$/.test(prefix)) return false;
  if (always.has(name)) return value.length >= 16;
  if (/^sha(?:1|256|384|512):/.test(value) || /^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return false;
  // A path, an address, a time.
  if (isPath(value) || /^\d{4}-\d\d-\d\dT/.test(value)) return false;
  const password = /^pass|^pwd/.test(name);
  if (/^[\d.:%]+(?:[nmu]?s|m|h|[KMG]i?B?)?$/.test(value)) return password && /^\d{6,}$/.test(value);
  if (isWordy(value) || (!password && /\s/.test(value))) return false;
  return password ? value.length >= 6 && entropy(value) >= 2 : value.length >= 12 && entropy(value) >= 2.8;
}

const isPath = (value: string): boolean =>
  /^[.~]{0,2}\/[a-z0-9._/-]+$/.test(value) || /^[.~]{0,2}(?:\/[\w.@-]{1,40}){2,}\/?$/.test(value);

/** Names, sentences and camel case: made of words, with at most a short number or a pod's suffix. */
function isWordy(value: string): boolean {
  const parts = value.split(/[-_./:@\s]+/).filter((p) => p !== "");
  const isWord = (p: string): boolean =>
    /^(?:[A-Z]?[a-z]{1,19}|[A-Z]{1,19})$/.test(p) || /^[A-Za-z]?[a-z]+(?:[A-Z]+[a-z]+)+$/.test(p);
  const isSuffix = (p: string): boolean =>
    /^\d{1,5}$/.test(p) || /^[a-z0-9]{1,10}$/.test(p) || /^[a-z]+\d{1,3}$/i.test(p);
  const words = parts.filter((p) => p.length >= 3 && isWord(p));
  return (
    parts.every((p) => isWord(p) || (parts.length > 1 && isSuffix(p))) &&
    (words.length >= parts.length / 2 || parts.length === 0)
  );
}

/** Shannon entropy in bits per character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const c of text) counts.set(c, (counts.get(c) ?? 0) + 1);
  let bits = 0;
  for (const n of counts.values()) bits -= (n / text.length) * Math.log2(n / text.length);
  return bits;
}

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

/**
 * Values of names such as `password`, `authToken` or `DB_SECRET`. Where the name says that it is a secret, whatever its
 * value looks like, but for what is plainly no value; where it may also be a reference (`secret`, `token`), not the name of
 * an object or a path.
 */
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
    const named = { name: m[0], prefix, before: text.slice(Math.max(0, m.index - 80), m.index) };
    if (!isSecret(named, text.slice(value.start, value.end), text[value.end] ?? "")) continue;
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
  const end = Math.max(endOfBare(at), endOfPlain(text, nameStart, nameEnd, at));
  return end === at || end - at > longestBare ? undefined : { start: at, end };
}

const strictName = /(?:password|passwd|passphrase|pwd|_pass)$/i;

/** Of a password that YAML writes without quotes, alone on its line: blanks and brackets are of it. */
function endOfPlain(text: string, nameStart: number, nameEnd: number, at: number): number {
  if (!strictName.test(text.slice(nameStart - 1, nameEnd)) || !/^:[ \t]+$/.test(text.slice(nameEnd, at)))
    return at;
  const before = text.slice(Math.max(0, nameStart - 200), nameStart);
  const isWhole = nameStart <= 200 || before.includes("\n");
  if (!isWhole || !/^[ \t]*(?:- )?[\w.-]*$/.test(before.slice(before.lastIndexOf("\n") + 1))) return at;
  if (/[{[<$&*!|>%@"'`]/.test(text[at] ?? "")) return at;
  const line = /^[^\r\n\\"]*/.exec(text.slice(at, at + longestBare))?.[0] ?? "";
  const first = /^[a-z]+/i.exec(line)?.[0] ?? "";
  if (errorBehind.test(first)) return at;
  return at + line.replace(/\s+#.*$/, "").trimEnd().length;
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
const notSecretPrefix =
  /checksum|hash|digest|sha\d|public|pub[-_]|bypass|compass|(?<![a-z])(?:max|min|count)/i;
/** What stands where a value would: nothing, a switch, a reference, a template, a type. */
const placeholder = new RegExp(
  `^(?:${[
    "true|false|yes|no|on|off|enabled|disabled|null|nil|none|undefined|unset|empty|optional|required|~",
    String.raw`\*+|x+|\.+|-+|<[^<>]*>|&lt;.*&gt;|\[?redacted.*|\[.*left out\]?`,
    String.raw`\$|\$\{?[\w.]+\}?|\$\([\w.]+\)|%[a-z]\w*%?|\{\{.*\}\}`,
    "valueFrom|secretKeyRef|secretRef|configMapKeyRef",
    String.raw`\*?(?:\[\])?(?:string|str|bool|boolean|u?int\d*|integer|number|float\d*|object|array|any|bytes?|[a-z]\w*\.[A-Z]\w*)`,
  ].join("|")})$`,
  "i",
);
/** Names that may be of a reference as well: to a Secret, to a token's object. */
const mayRefer = /^(?:secret|token|credentials?|access[-_ ]?key[-_]?id|_auth)$/i;
/** What errors say before and behind `password:`. */
const errorBefore =
  /\b(?:invalid|wrong|bad|incorrect|missing|unknown|unexpected|expired|no|error|failed)\s+$/i;
const errorBehind =
  /^(?:authentication|invalid|incorrect|missing|mismatch|expired|not|must|failed|denied|wrong|cannot|is|unauthorized|unexpected)$/i;

interface KeyName {
  readonly name: string;
  /** What stands before the word in the same name. */
  readonly prefix: string;
  /** The text before the word. */
  readonly before: string;
}

/** `next`: the character behind the value. */
function isSecret(key: KeyName, value: string, next: string): boolean {
  const { prefix, before } = key;
  const name = key.name.toLowerCase();
  if (value === "" || placeholder.test(value) || notSecretPrefix.test(prefix)) return false;
  if (name === "pass" && !/[-_]$/.test(prefix)) return false;
  if (always.has(name)) return value.length >= 16;
  if (errorBefore.test(before) || errorBehind.test(value)) return false;
  if (/^sha(?:1|256|384|512):/.test(value)) return false;
  if (name === "pwd" && isPath(value)) return false;
  // How many there are, or how long it lives.
  if (/^\d{1,2}$/.test(value)) return false;
  if (!mayRefer.test(name)) return true;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || isPath(value) || /^\d{4}-\d\d-\d\dT/.test(value))
    return false;
  // A figure, a type or a call of a program, a sentence.
  if (/^[\d.:%]+(?:[nmu]?s|m|h|[KMG]i?B?)?$/.test(value) || /[({[]/.test(next) || /\s/.test(value))
    return false;
  return value.length >= 6 && !isObjectName(value);
}

const isPath = (value: string): boolean =>
  /^[.~]{0,2}\/[a-z0-9._/-]+$/.test(value) || /^[.~]{0,2}(?:\/[\w.@-]{1,40}){2,}\/?$/.test(value);

/** As objects of Kubernetes are named: words, also in several parts, with a short number or the suffix of a pod at most. */
function isObjectName(value: string): boolean {
  const parts = value.split(/[-_./:@]+/).filter((p) => p !== "");
  const words = parts.filter((p) => /^(?:[a-z]{3,19}|[A-Z][a-z]+(?:[A-Z]+[a-z]+)+)$/.test(p));
  const isSuffix = (p: string): boolean => /^\d{1,3}$/.test(p) || /^[a-z0-9]{1,10}$/.test(p);
  return (
    parts.length > 1 &&
    parts.every((p) => words.includes(p) || isSuffix(p)) &&
    words.length >= parts.length / 2
  );
}

import { mergeValues } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

type Values = Record<string, unknown>;

/** The keys of `a.b\.c.d[0]`: a dot after a backslash belongs to the key, and an index is a key of digits. */
export function setKeys(path: string): string[] {
  return path
    .replace(/\[(\d+)\]/g, ".$1")
    .split(/(?<!\\)\./)
    .map((key) => key.replaceAll("\\.", "."));
}

/** The value of one `--set` pair, as Helm types it: numbers, booleans and null, lists in braces, else text. */
function setValue(text: string): unknown {
  if (/^\{.*\}$/s.test(text))
    return text
      .slice(1, -1)
      .split(/(?<!\\),/)
      .map((item) => setValue(item.trim()))
      .filter((item) => item !== "");
  const plain = text.replaceAll("\\,", ",");
  if (plain === "true" || plain === "false") return plain === "true";
  if (plain === "null") return null;
  return /^-?(0|[1-9]\d{0,14})$/.test(plain) ? Number(plain) : plain;
}

/** A value at its keys; items of a list stay a mapping with digits as keys, which readers of lists accept. */
export const nested = (keys: readonly string[], value: unknown): Values =>
  keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values;

/** One argument of `--set`: pairs that commas outside braces divide. */
export function setArgument(argument: string, asText = false): Values {
  const pairs: string[] = [];
  let depth = 0;
  let pair = "";
  for (const [i, c] of [...argument].entries()) {
    if (c === "{") depth += 1;
    if (c === "}") depth -= 1;
    if (c === "," && depth === 0 && argument[i - 1] !== "\\") {
      pairs.push(pair);
      pair = "";
    } else pair += c;
  }
  return [...pairs, pair]
    .filter((p) => p.includes("="))
    .map((p) => {
      const [, path = "", value = ""] = /^([^=]*)=(.*)$/s.exec(p) ?? [];
      return nested(setKeys(path.trim()), asText ? value : setValue(value));
    })
    .reduce(mergeValues, {});
}

/** `{ "a.b": c }`, or a list of `{ name: a.b, value: c }`, as objects write `--set` pairs. */
export function setPairs(pairs: unknown): Values {
  const entries: [string, unknown][] = Array.isArray(pairs)
    ? pairs.flatMap((p: { name?: unknown; value?: unknown } | null): [string, unknown][] =>
        typeof p?.name === "string" && p.value !== undefined ? [[p.name, p.value]] : [],
      )
    : Object.entries((pairs ?? {}) as Values);
  return entries
    .map(([path, value]) => nested(setKeys(path), typeof value === "string" ? setValue(value) : value))
    .reduce(mergeValues, {});
}

/** What a file with commands says of one installation. */
interface InstallCommand {
  readonly values: Values;
  readonly version?: string;
  /** Files given with `-f` or `--values`, which must be given to `repro` too. */
  readonly valueFiles: readonly string[];
}

/** Whether a text has commands that install Cilium. */
export const hasInstallCommand = (text: string): boolean =>
  /(^|[\s;&|(])(helm\s+(install|upgrade|template)|cilium\s+(install|upgrade))\s/m.test(text) ||
  /^\s*--set[\s=]/m.test(text);

/**
 * The installations of a script, or of a text with `--set` arguments alone: `helm install|upgrade|template` and
 * `cilium install|upgrade`. Nothing is executed; variables of the shell are not known and stay as they are.
 */
export function installCommands(text: string, place: string): InstallCommand[] {
  const joined = text
    .replace(/\\\r?\n/g, " ")
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line));
  const found = joined
    .flatMap((line) => line.split(/&&|;(?=\s)|\|\|/))
    .filter((line) => hasInstallCommand(`${line} `) && !/\bhelm\s+repo\b/.test(line))
    .map((line) => commandOf(wordsOf(line, place)));
  const isCommand = joined.some((line) => /\b(helm|cilium)\s/.test(line));
  // A list of arguments, one a line.
  return isCommand ? found : [commandOf(joined.flatMap((line) => wordsOf(line, place)))];
}

function commandOf(words: readonly string[]): InstallCommand {
  let values: Values = {};
  let version: string | undefined;
  const valueFiles: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const [, option, joined] = /^(--[a-z-]+|-f)(?:=(.*))?$/s.exec(words[i] ?? "") ?? [];
    if (option === undefined) continue;
    const argument = joined ?? words[i + 1] ?? "";
    if (["--set", "--set-string", "--helm-set", "--helm-set-string"].includes(option))
      values = mergeValues(values, setArgument(argument, option.endsWith("-string")));
    else if (option === "--version") version = argument;
    else if (option === "--values" || option === "-f" || option === "--helm-values")
      valueFiles.push(argument);
    // Options of the Cilium CLI of before 0.15, which are values of the chart.
    else if (option === "--cluster-name") values = mergeValues(values, nested(["cluster", "name"], argument));
    else if (option === "--cluster-id")
      values = mergeValues(values, nested(["cluster", "id"], setValue(argument)));
  }
  return { values, valueFiles, ...(version === undefined ? {} : { version }) };
}

/** The words of a line, with the shell's quotes removed. */
function wordsOf(line: string, place: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    if (quote !== "") {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"' && /["\\$`]/.test(line.charAt(i + 1)))
        word = (word ?? "") + line.charAt(++i);
      else word = (word ?? "") + c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= "";
    } else if (c === "\\" && i + 1 < line.length) {
      // Helm's own escapes of `,` and `.` reach it unquoted only when doubled; people mean them.
      const next = line.charAt(++i);
      word = (word ?? "") + (next === "," || next === "." ? `\\${next}` : next);
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (quote !== "")
    throw new MeshproofError(
      "config-invalid",
      `${place}: a quote is not closed: ${line.trim().slice(0, 80)}`,
      {
        remedy: "correct the command",
      },
    );
  return word === undefined ? words : [...words, word];
}

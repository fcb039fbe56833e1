import { normalize } from "node:path";
import { mergeValues } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import type { ChartAround } from "../charts.ts";
import type { Named } from "../reading.ts";
import { baseOf } from "../subchart-files.ts";
import { innerValues } from "../subchart-values.ts";
import { at, isPlaceholder } from "../values-at.ts";
import type { Layers } from "../values-files.ts";
import { optionMeaning } from "./command-options.ts";
import {
  appliedObjects,
  type HereFiles,
  type HereText,
  hasVariables,
  hereText,
  takeFile,
  valuesIn,
} from "./here-values.ts";
import { mergeSet, nested, withLists } from "./set-values.ts";
import { arrayAt, withArrays } from "./shell-arrays.ts";
import {
  type ShellCommand,
  type ShellVariables,
  shellCommands,
  takeAssignments,
  unsureVariables,
  wordsOf,
} from "./shell-lines.ts";

type Values = Record<string, unknown>;

/** What a file with commands says of one installation. */
interface InstallCommand {
  readonly values: Values;
  readonly version?: string;
  /** Given with `-f` or `--values`: those of the source, whose values are among these, and names of others. */
  readonly files: Layers["files"];
  readonly missing: Layers["missing"];
  readonly notes: readonly Note[];
  /** Words that are not known, such as `$OPTIONS`, which may hold more values. */
  readonly unknown: readonly string[];
  /** Options that may change values, and are not read. */
  readonly unread: readonly string[];
  /** Of the cluster that the command is for, as kubectl knows it. */
  readonly context?: string;
  readonly line: number;
}

interface Found {
  readonly command: InstallCommand;
  readonly isEnable: boolean;
}

/** Whether a text has commands that install Cilium. */
export const hasInstallCommand = (text: string): boolean =>
  /(^|[\s;&|(@])(helm\s+(install|upgrade|template)|cilium\s+(install|upgrade))\s/m.test(text) ||
  /^\s*--set[\s=]/m.test(text);

/**
 * The installations of a script, or of a text with `--set` arguments alone: `helm install|upgrade|template` and
 * `cilium install|upgrade`. Nothing is executed; variables that the script sets to plain words are expanded, all others
 * stay as they are. Throws `usage` where it cannot be told which command is of which cluster.
 */
export function installCommands(text: string, place: string, named: Named): InstallCommand[] {
  const commands = shellCommands(text);
  const known: ShellVariables = new Map();
  const files: HereFiles = new Map();
  const unsure = unsureVariables(commands);
  // A list of arguments, one a line.
  if (!commands.some((c) => /\b(helm|cilium)\s/.test(c.text)))
    return [
      commandOf(
        commands.flatMap((c) => wordsOf(arrayAt(c.text)?.inside ?? c.text, place)),
        { line: 1, place, ...named },
      ),
    ];
  const found = commands.flatMap((command): Found[] => {
    takeAssignments(command, known, place);
    for (const name of unsure) known.delete(name);
    takeFile(command, known, files);
    const own = command.isArray ? inBlock(command) : command.text;
    const whole = withArrays(own, known);
    const isInstall = hasInstallCommand(`${whole} `) && !/\bhelm\s+repo\b/.test(whole);
    if (!isInstall && !/\bcilium\s+clustermesh\s+enable\b/.test(whole)) return [];
    const written = wordsOf(own, place, known);
    const words = written.map(withDashes);
    if (isOther(words) && chartIn(words, named) === undefined) return [];
    const input = hereText(command, known);
    const given = (name: string): HereText | undefined => {
      if (["-", "/dev/stdin"].includes(name)) return input;
      const file = files.get(normalize(name));
      return file?.isUnsure === true && !command.nested ? undefined : file;
    };
    const where: Place = { line: command.line, place, given, ...named };
    // Of the other the plan says that it is not read.
    if (!isEnable(words)) refuseLoop(command, words, where);
    const read = commandOf(words, where);
    const notes = [...read.notes, ...(written.some(isWrong) ? [wrongDashes(where)] : [])];
    return [{ command: { ...read, notes }, isEnable: isEnable(words) }];
  });
  const [first, ...more] = withEnabled(found, place);
  const applied = first === undefined ? [] : appliedObjects(commands, place);
  return first === undefined ? [] : [{ ...first, notes: [...first.notes, ...applied] }, ...more];
}

/** Programs for texts make one dash of the two of an option. */
const wrongDash = /^[\u2010-\u2015\u2212]{1,2}(?=[a-z])/;
const isWrong = (word: string): boolean => wrongDash.test(word);
const withDashes = (word: string): string => word.replace(wrongDash, word.length === 2 ? "-" : "--");

const wrongDashes = ({ line, place }: Place): Note => ({
  field: "arguments of a command",
  inSource: `${place}, line ${line}: options with the dash of a text program, which Helm and the Cilium CLI refuse`,
  inLab: "taken as --",
  matters: "perhaps",
  part: "other",
});

/** A command within an array whose value is not known where it is used; empty for other arrays. */
function inBlock({ text, nested }: ShellCommand): string {
  const inside = arrayAt(text)?.inside ?? "";
  return nested && /^\s*(helm|cilium)\s/.test(inside) ? inside : "";
}

const isEnable = (words: readonly string[]): boolean =>
  words.includes("clustermesh") && words.includes("enable");

/** `cilium clustermesh enable` changes the values of the cluster that another command installs. */
function withEnabled(found: readonly Found[], place: string): InstallCommand[] {
  const installed = byName(
    found.filter((f) => !f.isEnable).map((f) => f.command),
    place,
  );
  const names = new Set(installed.map(nameOf).filter((n) => n !== undefined));
  const enabled = found.flatMap(({ command, isEnable }): InstallCommand[] => {
    if (!isEnable || installed.length === 0) return [];
    const twin = installed.find((c) => nameOf(c) !== undefined && c.context === command.context);
    const name =
      names.size === 1 ? [...names][0] : command.context === undefined ? undefined : twin && nameOf(twin);
    if (name !== undefined)
      return [{ ...command, values: mergeValues(command.values, nested(["cluster", "name"], name)) }];
    // It does not say of which cluster.
    return [{ ...command, values: {}, unread: ["cilium clustermesh enable"] }];
  });
  return [...installed, ...enabled];
}

/** Scripts install other charts too. */
const isOther = (words: readonly string[]): boolean =>
  words.includes("helm") && !words.some((w) => !w.startsWith("-") && /cilium|^["']?\$|\.tgz/i.test(w));

const remedy = (place: string): string =>
  `give what \`helm get values cilium -n kube-system\` prints of each cluster, or each cluster's command as a file of its own: ${shellQuote([`NAME=${place}`])}`;

function refuseLoop({ loop, line }: ShellCommand, words: readonly string[], { place, given }: Place): void {
  const texts = words.flatMap((w) => given?.(w.replace(/^-[a-z-]+=/, ""))?.text ?? []);
  const isSame = !words.some((w) => /[$`]|\{\}/.test(w)) && !texts.some(hasVariables);
  if (loop === undefined || isSame) return;
  throw new MeshproofError(
    "usage",
    `${place}, line ${line}: the command is in a loop, which is not run: ${loop.slice(0, 80)}`,
    { remedy: remedy(place) },
  );
}

const nameOf = (c: InstallCommand): string | undefined => {
  const name = at(c.values, "cluster.name");
  return name === undefined || name === "" ? undefined : String(name);
};

/** Gives each command without a name that of the cluster it is for; never one of another cluster. */
function byName(commands: readonly InstallCommand[], place: string): InstallCommand[] {
  const unknown = commands.find((c) => isPlaceholder(nameOf(c)));
  if (unknown !== undefined && commands.length > 1)
    throw refused(
      place,
      unknown,
      `cluster.name is ${nameOf(unknown)}, which the script does not set to a plain word`,
    );
  const names = new Set(commands.map(nameOf).filter((n) => n !== undefined));
  const contexts = new Set(commands.map((c) => c.context));
  const named = commands.map((c): InstallCommand => {
    if (nameOf(c) !== undefined || (names.size <= 1 && contexts.size <= 1)) return c;
    const twin = commands.find((o) => nameOf(o) !== undefined && o.context === c.context);
    const name = c.context === undefined || twin === undefined ? undefined : nameOf(twin);
    if (name === undefined)
      throw refused(
        place,
        c,
        "the command does not say of which cluster it is: it has no --set cluster.name=",
      );
    return { ...c, values: mergeValues(c.values, nested(["cluster", "name"], name)) };
  });
  for (const [i, c] of named.entries()) {
    const id = at(c.values, "cluster.id");
    const other = named
      .slice(0, i)
      .find((o) => nameOf(o) === nameOf(c) && differ(at(o.values, "cluster.id"), id));
    if (other !== undefined)
      throw refused(
        place,
        c,
        `cluster ${nameOf(c) ?? "without a name"} has id ${String(id)}, and ${String(at(other.values, "cluster.id"))} in line ${other.line}`,
      );
  }
  return named;
}

const differ = (a: unknown, b: unknown): boolean =>
  a !== undefined && b !== undefined && String(a) !== String(b);

const refused = (place: string, { line }: InstallCommand, why: string): MeshproofError =>
  new MeshproofError("usage", `${place}, line ${line}: ${why}`, { remedy: remedy(place) });

/** The chart around Cilium's that a command of Helm installs, from a folder. */
const chartIn = (words: readonly string[], { charts }: Named): ChartAround | undefined =>
  words.includes("helm")
    ? words
        .filter((w) => /^[\w./-]+$/.test(w) && !w.startsWith("-"))
        .flatMap((w) => charts.around(w) ?? [])
        .at(-1)
    : undefined;

/** What a command says to the chart around Cilium's that it installs, in the words of Cilium's. `own`: of `--set`. */
function inChart(
  command: InstallCommand,
  own: Values,
  { line, place, layers, charts }: Place,
  around: ChartAround,
): InstallCommand {
  const base = baseOf(around, place, layers);
  const files = new Map(command.files.map((f) => [f.path, f.documents[0]?.value]));
  const { values, notes } = innerValues(around, [
    { place: `${around.dir}/values.yaml`, values: base.values },
    ...[...files].map(([path, value]) => ({ place: path, values: isMapping(value) ? value : {} })),
    { place: `${place}, line ${line}`, values: own },
  ]);
  return {
    ...command,
    values,
    notes,
    files: [...base.files, ...command.files],
    // `--version` is of the chart around.
    ...present({ version: charts.version(around.dir) }),
  };
}

interface Place extends Named {
  readonly line: number;
  readonly place: string;
  /** What the script itself gives as a file of a name, or as `-`. */
  readonly given?: (name: string) => HereText | undefined;
}

function commandOf(words: readonly string[], where: Place): InstallCommand {
  const { line, layers, place, given } = where;
  let values: Values = isEnable(words) ? { clustermesh: { useAPIServer: true } } : {};
  let version: string | undefined;
  let context: string | undefined;
  const named: string[] = [];
  const unknown: string[] = [];
  const unread: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const [, option, joined] = /^(--[a-z0-9-]+|-f)(?:=(.*))?$/s.exec(word) ?? [];
    if (option === undefined) {
      const isArgument = /^(--[a-z0-9-]+|-\w)$/.test(words[i - 1] ?? "");
      // A prompt, as a console shows it, is no variable.
      if (word.startsWith("$") && word !== "$" && !isArgument) unknown.push(word);
      continue;
    }
    const meaning = optionMeaning(option, joined ?? words[i + 1] ?? "");
    if (meaning === "unread") unread.push(word);
    else if (meaning === "nothing") continue;
    else if ("values" in meaning) values = mergeSet(values, meaning.values);
    else if ("file" in meaning) named.push(meaning.file);
    else if ("version" in meaning) version = meaning.version;
    else context = meaning.context;
  }
  const items = named.flatMap((name): unknown[] => {
    const text = given?.(name);
    const own = text === undefined ? undefined : valuesIn(text, place);
    if (own === undefined) return [name];
    return text?.isMore === true ? [name, own] : [own];
  });
  const { values: below, files, missing } = layers(items);
  const command: InstallCommand = {
    ...{ values: withLists(mergeSet(below, values)), files, missing, unknown, unread, notes: [], line },
    ...(version === undefined ? {} : { version }),
    ...(context === undefined ? {} : { context }),
  };
  const around = chartIn(words, where);
  if (around === undefined) return command;
  const ofHere = items.filter(isMapping).reduce<Values>(mergeSet, {});
  return inChart(command, mergeSet(ofHere, values), where, around);
}

import { normalize } from "node:path";
import { parseYamlObjects } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { writtenFile } from "./here-documents.ts";
import { expandedText, type ShellCommand, type ShellVariables } from "./shell-lines.ts";

type Values = Record<string, unknown>;

/** A here-document with the variables that are known in their place. */
export interface HereText {
  readonly text: string;
  readonly line: number;
  /** Appended to a file that the script did not write. */
  readonly isMore?: true;
  /** Written by several branches: after them nobody knows which. */
  readonly isUnsure?: true;
}

/** Programs that change a text on its way to a file or to Helm. */
const changers = /(?:^|[\s|(])(?:sed|awk|perl|tr|yq|jq|python3?|ruby|gomplate|base64)\s/;

/** What a script gives to its commands: files that it has written from here-documents. */
export type HereFiles = Map<string, HereText>;

/** The text that a command gets as its standard input; undefined if it gets none. */
export function hereText({ here, text }: ShellCommand, known: ShellVariables): HereText | undefined {
  return here === undefined || changers.test(text)
    ? undefined
    : { text: here.isQuoted ? here.text : expandedText(here.text, known), line: here.line };
}

/** Takes the file that a command writes from its here-document, and forgets those that it may change. */
export function takeFile(command: ShellCommand, known: ShellVariables, files: HereFiles): void {
  if (changers.test(command.text))
    for (const name of [...files.keys()]) if (command.text.includes(name)) files.delete(name);
  const written = writtenFile(command.text);
  const own = hereText(command, known);
  if (written === undefined) return;
  const name = normalize(expandedText(written.name, known));
  const standing = files.get(name);
  const before = written.isMore ? standing : undefined;
  // Of a file that another program writes, nothing is known.
  if (own === undefined) {
    files.delete(name);
    return;
  }
  const isUnsure = command.nested && !written.isMore && standing !== undefined && standing.text !== own.text;
  files.set(name, {
    ...(before === undefined ? own : { ...before, text: `${before.text}\n${own.text}` }),
    ...(written.isMore && before === undefined ? { isMore: true as const } : {}),
    ...(isUnsure ? { isUnsure: true as const } : {}),
  });
}

/** The values in a text of a script. Throws `usage` if they cannot be read: their cluster would be missing. */
export function valuesIn({ text, line }: HereText, place: string): Values | undefined {
  try {
    const [document, ...more] = parseYamlObjects(text, `${place}, line ${line}: the here-document`);
    const value = document?.value;
    return more.length === 0 && isMapping(value) && typeof value.kind !== "string" ? value : undefined;
  } catch (error) {
    if (!(error instanceof MeshproofError)) throw error;
    const { message, remedy, cause } = error;
    throw new MeshproofError("usage", message, { ...present({ remedy }), cause });
  }
}

/** Whether a text is another one at each turn of a loop, or for each of several clusters. */
export const hasVariables = (text: string): boolean => /\$[\w({]|`/.test(text);

/** Objects that a script gives to kubectl in here-documents, which are not read. */
export function appliedObjects(commands: readonly ShellCommand[], place: string): Note[] {
  const found = commands.flatMap(({ text, here }) => {
    const kinds = [...(here?.text.matchAll(/^kind:[ \t]*["']?(\w+)/gm) ?? [])].map((m) => m[1] ?? "");
    return here === undefined || kinds.length === 0 || !/\b(kubectl|oc|k)\b/.test(text)
      ? []
      : [`line ${here.line}: ${shortList([...new Set(kinds)], 4)}`];
  });
  return found.length === 0
    ? []
    : [
        {
          field: "objects in a script",
          inSource: `${place}, ${shortList(found, 4)}`,
          inLab: "left out: give them as a file of their own",
          matters: "perhaps",
          part: "other",
        },
      ];
}

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { planLab } from "#harness/config/plan.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { type Expected, expectationsOf, type Held, type Lacked, type Phrase } from "./expected-file.ts";

/** What a command did. */
export interface Replayed {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** The folder given with --out. */
  readonly written: string;
}

/** An expectation that was not met, by its id, and what was found. */
export interface Miss {
  readonly id: string;
  readonly why: string;
}

type Check = (did: Replayed) => Promise<string | undefined> | string | undefined;

/** The expectations that a command does not meet. */
export async function missesOf(expected: Expected, did: Replayed): Promise<Miss[]> {
  const misses: Miss[] = [];
  for (const [id, check] of checksOf(expected)) {
    const why = await check(did);
    if (why !== undefined) misses.push({ id, why });
  }
  return misses;
}

/** One check for every expectation; throws if one of them has none. */
function checksOf(expected: Expected): Map<string, Check> {
  const checks = new Map<string, Check>([
    ["exit", ({ exit, err }) => (exit === expected.exit ? undefined : `exit code ${exit} ${err.trim()}`)],
  ]);
  const { refuses, first, names, not } = expected;
  if (refuses !== undefined)
    checks.set("refuses", ({ err }) => (err.includes(refuses) ? undefined : `refused with: ${err.trim()}`));
  if (first !== undefined)
    checks.set("first", (did) => {
      const [one = "nothing"] = rowsOf(did);
      return holds(one, first) ? undefined : `first is: ${one}`;
    });
  for (const [id, phrase] of Object.entries(names))
    checks.set(`names.${id}`, (did) =>
      rowsOf(did).some((row) => holds(row, phrase))
        ? undefined
        : `no statement has ${JSON.stringify(phrase)}`,
    );
  for (const [id, phrase] of Object.entries(not))
    checks.set(`not.${id}`, (did) => {
      // A command that prints nothing has not left this out.
      if (refuses === undefined && statementsOf(did.out).length === 0) return "nothing was printed";
      const row = rowsOf(did).find((r) => holds(r, phrase));
      return row === undefined ? undefined : `it says: ${row}`;
    });
  if (expected.command === "repro --plan" && expected.lab !== undefined)
    for (const [id, check] of labChecks(expected.lab)) checks.set(`lab.${id}`, check);
  const unchecked = expectationsOf(expected).filter((id) => !checks.has(id));
  if (unchecked.length > 0) throw new Error(`not checked: ${unchecked.join(", ")}`);
  return checks;
}

function* labChecks({
  holds: held,
  lacks,
}: NonNullable<Extract<Expected, { command: "repro --plan" }>["lab"]>): Generator<[string, Check]> {
  yield [
    "up",
    ({ written }) =>
      planLab({ lab: "reported", labFile: join(written, "lab.yaml") }).then(
        () => undefined,
        (error: unknown) => `up refuses: ${messageOf(error)}`,
      ),
  ];
  for (const [id, place] of Object.entries(held))
    yield [
      `holds.${id}`,
      ({ written }) => {
        const documents = documentsOf(written, place.file);
        if (documents === undefined) return `there is no ${place.file}`;
        const value = valueAt(documents, place);
        const right =
          place.has === undefined ? value === place.is : Array.isArray(value) && value.includes(place.has);
        return right ? undefined : `${place.file} holds ${JSON.stringify(value)}`;
      },
    ];
  for (const [id, place] of Object.entries(lacks))
    yield [
      `lacks.${id}`,
      ({ written }) => {
        const documents = documentsOf(written, place.file);
        if (documents === undefined) return `there is no ${place.file}`;
        const value = valueAt(documents, place);
        const wrong = place.is === undefined ? value !== undefined : value === place.is;
        return wrong ? `${place.file} holds ${JSON.stringify(value)}` : undefined;
      },
    ];
}

/** Undefined if the file was not written. */
function documentsOf(folder: string, file: string): readonly unknown[] | undefined {
  if (globSync(file, { cwd: folder }).length === 0) return undefined;
  return parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((d): unknown => d.toJS());
}

function valueAt(documents: readonly unknown[], { object, at }: Held | Lacked): unknown {
  const start = object === undefined ? documents[0] : documents.find((d) => nameOf(d) === object);
  return (typeof at === "string" ? at.split(".") : at).reduce<unknown>(
    (value, key) => (value as Readonly<Record<string, unknown>> | null | undefined)?.[key],
    start,
  );
}

function nameOf(document: unknown): string {
  const { kind, metadata } = document as {
    readonly kind?: string;
    readonly metadata?: { readonly name?: string; readonly namespace?: string };
  };
  return `${kind} ${metadata?.namespace ?? "default"}/${metadata?.name}`;
}

/** What the command says, one statement each: a finding, a line of the plan, a refusal. */
const rowsOf = ({ out, err }: Replayed): string[] => [...statementsOf(out), ...statementsOf(err)];

/** Indented lines continue the one before. Headings and closing lines say nothing of the mesh. */
export function statementsOf(text: string): string[] {
  const statements: string[] = [];
  for (const line of text.split("\n").filter((l) => l.trim() !== ""))
    if (/^\s/.test(line) && statements.length > 0)
      statements.push(`${statements.pop()} ${line.trim().replaceAll(/\s+/g, " ")}`);
    else statements.push(line.trim().replaceAll(/\s+/g, " "));
  return statements.filter((s) => !s.endsWith(":") && !/^(next: |cluster what |\d+ differences?)/.test(s));
}

/** Whether a statement has every word of a phrase, or one of its alternatives. */
export const holds = (statement: string, phrase: Phrase): boolean =>
  phrase.every((word) => [word].flat().some((w) => holdsWord(statement, w)));

/** `eni` is not in `penitent`, nor 10.6.0.0/16 in 110.6.0.0/16. */
const holdsWord = (statement: string, word: string): boolean =>
  new RegExp(`(?<![\\p{L}\\d])${RegExp.escape(word)}(?![\\p{L}\\d])`, "iu").test(statement);

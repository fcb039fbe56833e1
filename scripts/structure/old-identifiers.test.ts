import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Old words, each with the word to write instead. They are matched as whole words, in code, comments and prose. */
const oldWords: Readonly<Record<string, string>> = {
  cure: "remedy",
  cures: "remedies",
  SuiteHarm: "FaultContext",
  undoNow: "runUndo",
  strikeFromJournal: "removeFromJournal",
  drawAnswers: "sampleBackends",
  drawFrom: "sampleFrom",
  drawFromContainer: "sampleFromContainer",
  settledOn: "waitUntilServedBy",
  wayTo: "lookupRoute",
  LonePod: "StandalonePod",
  lonePod: "standalonePod",
  Handout: "PeerCredentials",
  handout: "peer credentials",
  handoutOf: "peerCredentialsOf",
  checkVoice: "assertAlive",
  heardMs: "lastMessageAtMs",
  LastingState: "PersistentState",
  lastingState: "persistentState",
  wholeLastingState: "wholePersistentState",
  removeForsaken: "removeAbandonedLabs",
  makeRoom: "freeCapacity",
  tellStranded: "reportInterrupted",
  withoutSurprises: "unexpectedSkips",
  givesAddresses: "assignsLoadBalancerIPs",
  onThisMachine: "nodesAreLocal",
  testOwn: "testExternal",
  guarded: "protected",
  Guarded: "ProtectedServer",
  unguard: "unprotect",
  friend: "allowed client",
  friends: "allowed clients",
  stranger: "denied client",
  strangers: "denied clients",
  sparing: "probe-interval factor",
  isMine: "isHeldByThisProcess",
  removeMine: "removeHeldLab",
  removeOurs: "removeManaged",
  FieldObject: "SourceObject",
  FieldCluster: "SourceCluster",
  FieldPod: "RebuiltPod",
  readField: "readSource",
  fieldObjectsFormat: "sourceObjectsFormat",
};

/** Names of values and properties that say nothing in code, though the words are fine in prose and as test data. */
const oldNames: Readonly<Record<string, string>> = {
  mine: "a name that says managed or self",
  ours: "a name that says managed",
  strike: "inject",
};

/** Forms of old words that are right elsewhere. */
const oldForms: readonly { readonly form: RegExp; readonly files: RegExp; readonly write: string }[] = [
  {
    form: /["'`]field["'`]|\bsuites\/field\b|\bmesh -- test field\b/,
    files: /./,
    write: "the suite name rebuilt-environment",
  },
  { form: /^ +(kills|may):/, files: /\.faults\.yaml$/, write: "mustFail or mayFail" },
];

/** Files in which a persisted key or an old name of a file that users still have demands the old word. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  // Migrates a lab's state of version 2.
  "harness/model/lab-state.ts": ["givesAddresses"],
  "harness/state/lab.test.ts": ["givesAddresses"],
  // Maps the suite name of old lab files and labs.
  "harness/model/suite-name.ts": ["field"],
  "harness/model/suite-name.test.ts": ["field"],
};

const skipped =
  /^(docs\/reference|scripts\/parity|reports\/published)\/|^scripts\/structure\/old-identifiers\.test\.ts$/;

test("no old identifier or word is left", () => {
  const files = execFileSync("git", ["ls-files", "*.ts", "*.md", "*.yaml"], { cwd: root, encoding: "utf8" })
    .split("\n")
    .filter((path) => path !== "" && !skipped.test(path) && existsSync(join(root, path)));
  expect(files.length).toBeGreaterThan(300);
  expect(files.flatMap((path) => oldUses(path, readFileSync(join(root, path), "utf8")))).toEqual([]);
});

test("every allowed file exists and contains its old word", () => {
  for (const [path, words] of Object.entries(allowed))
    for (const word of words) expect(readFileSync(join(root, path), "utf8"), path).toContain(word);
});

test("old words are found with file, line and new word", () => {
  const source = "const mine = 1;\n// a stranger of ours\nuse({ ours: mine }, 'field');\n";
  expect(oldUses("suites/a.ts", source)).toEqual([
    "suites/a.ts:2: write denied client instead of stranger",
    `suites/a.ts:3: write the suite name rebuilt-environment instead of 'field'`,
    "suites/a.ts:1: write a name that says managed or self instead of mine",
    "suites/a.ts:3: write a name that says managed instead of ours",
    "suites/a.ts:3: write a name that says managed or self instead of mine",
  ]);
  expect(oldUses("suites/a.faults.yaml", "x:\n  kills: []\n")).toHaveLength(1);
  expect(oldUses("harness/model/suite-name.ts", 'const a = "field";\n')).toEqual([]);
});

/** Old words of a file as `file:line: write NEW instead of OLD`. */
function oldUses(path: string, text: string): string[] {
  const say = (line: number, old: string, write: string): string[] =>
    allowed[path]?.some((word) => old.includes(word)) === true
      ? []
      : [`${path}:${line}: write ${write} instead of ${old}`];
  const uses = text.split("\n").flatMap((line, i) => [
    ...(line.match(/\w+/g) ?? []).flatMap((word) =>
      Object.hasOwn(oldWords, word) ? say(i + 1, word, oldWords[word] ?? "") : [],
    ),
    ...oldForms.flatMap(({ form, files, write }) => {
      const found = files.test(path) ? form.exec(line) : null;
      return found === null ? [] : say(i + 1, found[0].trim(), write);
    }),
  ]);
  return [
    ...uses,
    ...oldNamesIn(path, text).flatMap(({ line, name }) => say(line, name, oldNames[name] ?? "")),
  ];
}

/** Only files with one of the words are parsed: parsing all takes seconds. */
function oldNamesIn(path: string, text: string): { readonly line: number; readonly name: string }[] {
  const names = Object.keys(oldNames);
  if (!path.endsWith(".ts") || !new RegExp(`\\b(${names.join("|")})\\b`).test(text)) return [];
  const found: { line: number; name: string }[] = [];
  new Visitor({
    Identifier({ name, start }) {
      if (names.includes(name)) found.push({ line: text.slice(0, start).split("\n").length, name });
    },
  }).visit(parseSync(path, text).program);
  return found;
}

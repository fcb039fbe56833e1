import type { Requirement } from "#harness/testkit/capabilities.ts";
import type { SuiteInfo, TestCase, When } from "#harness/testkit/define-suite.ts";
import type { ListedSuite } from "#harness/testkit/suite-list.ts";
import { code, codes, list, type Page, page, plain, sentence } from "./markdown.ts";

const clusters = ["east", "west"];

const runs: Readonly<Record<When, string>> = {
  core: "on every lab",
  lab: "on labs whose lab file names it, or if the command names it",
  long: "only if the command names it, or its tag `extended`",
};
const runsExtended =
  "only if the command names it, or its tag `extended` on a lab whose lab file names the suite";

/** Every suite with its tests, as they are listed for a lab with clusters `east` and `west`. */
export function suitesPage(suites: readonly ListedSuite[]): Page {
  const withTests = suites.map((s) => ({ info: s.info, tests: s.tests({ clusters }) }));
  const count = withTests.reduce((sum, s) => sum + s.tests.length, 0);
  return page(
    "suites.md",
    "Suites",
    `${suites.length} suites with ${count} tests, in the order in which they run. Titles are those of a lab with the clusters east and west.`,
    ...withTests.flatMap(({ info, tests }) => suiteBlocks(info, tests)),
  );
}

const suiteBlocks = (info: SuiteInfo, tests: readonly TestCase[]): string[] => [
  `## ${info.name}`,
  list([
    `Goal: ${plain(info.goal)}`,
    `Method: ${plain(info.method)}`,
    `A failure points to: ${plain(info.failureMeans)}`,
    `Tags: ${codes(info.tags)}`,
    `Runs: ${runsOf(info)}`,
    ...(info.requires === undefined ? [] : [`Requires: ${required(info.requires)}`]),
  ]),
  "Tests:",
  list(tests.map(testLine)),
];

const runsOf = ({ when, tags }: SuiteInfo): string =>
  when === "lab" && tags.includes("extended") ? runsExtended : runs[when];

function testLine({ title, goal, requires, spec }: TestCase): string {
  const more = [
    ...(goal === undefined ? [] : [sentence(goal)]),
    ...(requires === undefined ? [] : [`Requires ${required(requires)}.`]),
    ...(spec === undefined ? [] : [`Specified by ${/^https?:/.test(spec) ? `<${spec}>` : spec}.`]),
  ];
  return [code(title), ...more].join(" ");
}

const required = (requirements: readonly Requirement[]): string =>
  requirements
    .map((r) => (typeof r === "string" ? code(r) : `${code(r.capability)} in ${code(r.cluster)}`))
    .join(", ");

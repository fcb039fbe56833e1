import type { ProveTable } from "#harness/config/prove-tables.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { code, codes, list, type Page, page, sentence, table } from "./markdown.ts";

/** Every fault, with its entry in the fault table of each suite. */
export function faultsPage(faults: readonly Fault[], tables: ReadonlyMap<string, ProveTable>): Page {
  return page(
    "faults.md",
    "Faults",
    `${faults.length} faults, in the order in which \`prove\` injects them. Patterns match test titles: \`*\` matches any text, \`{1}\` and \`{2}\` are the first and the second cluster. A test that matches no pattern must pass if it runs.`,
    ...faults.flatMap((fault) => faultBlocks(fault, tables)),
  );
}

const faultBlocks = (fault: Fault, tables: ReadonlyMap<string, ProveTable>): string[] => [
  `## ${fault.name}`,
  sentence(fault.does),
  list([
    `Group: ${code(fault.group)}`,
    ...(fault.needs === undefined ? [] : [`Needs: ${fault.needs}`]),
    ...(fault.needsNamespace === true ? ["Acts on the suite's own objects"] : []),
    ...(fault.wide === true ? ["Affects what every suite depends on"] : []),
    ...(fault.shownIn === undefined
      ? []
      : [`Visible to \`diagnose\` in Cilium ${fault.shownIn} only: in others the state is valid.`]),
    ...(fault.liveOnly === undefined ? [] : [`Not visible in archives: ${fault.liveOnly}.`]),
    ...(fault.traceless === undefined ? [] : [`Not visible to \`diagnose\`: ${fault.traceless}`]),
  ]),
  table(
    ["suite", "must fail", "must pass", "may fail"],
    [...tables].flatMap(([suite, { [fault.name]: expected }]) =>
      expected === undefined
        ? []
        : [
            [
              `[${suite}](suites.md#${suite})`,
              codes(expected.mustFail),
              codes(expected.mustPass),
              codes(expected.mayFail),
            ],
          ],
    ),
  ),
];

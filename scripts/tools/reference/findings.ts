import type { FindingKind } from "#harness/diagnose/catalogue/kind.ts";
import { code, list, type Page, page, plain } from "./markdown.ts";

const severities: Readonly<Record<FindingKind["severity"], string>> = {
  broken: "breaks traffic or synchronisation; exit code 1",
  suspect: "allowed, but rarely intended; exit code 0 if it is the only finding",
  unread: "could not be read; exit code 3 if nothing is broken",
};

/** One page for each kind of finding, and the list of them in the order of the layers. */
export function findingPages(kinds: ReadonlyMap<string, FindingKind>): readonly Page[] {
  const all = [...kinds];
  const layers = [...new Set(all.map(([, kind]) => kind.layer))];
  return [
    page(
      "findings/README.md",
      "Findings",
      "What `diagnose` reports, by the layer in which it looks. The id of a finding is the name of its page, and the key `id` in `report.json` and in `diagnose --json`; it does not change.",
      ...layers.flatMap((layer) => [
        `## ${layer}`,
        list(
          all
            .filter(([, kind]) => kind.layer === layer)
            .map(([id, kind]) => `[${id}](${id}.md): ${plain(firstSentence(kind.meaning))}`),
        ),
      ]),
    ),
    ...all.map(([id, { layer, severity, meaning, confirm, remedy }]) =>
      page(
        `findings/${id}.md`,
        id,
        list([
          `Layer: ${layer}`,
          `Severity, unless the finding says otherwise: ${code(severity)} (${severities[severity]})`,
        ]),
        "## Meaning",
        plain(meaning),
        "## How to confirm it by hand",
        plain(confirm),
        "## Remedy",
        plain(remedy),
      ),
    ),
  ];
}

const firstSentence = (text: string): string => text.split(/(?<=[.])\s/)[0] ?? text;

// The notes under the tables of figures, and the README's tables, of made-up versions.
import { describe, expect, test } from "vitest";
import { violationsOf } from "#harness/judge/published.ts";
import type { Published } from "#harness/model/published.ts";
import { headlineTable } from "#harness/report/published-tables.ts";
import { good, lacking, lossy, publishedOf, undecided, versionOf } from "./example-version.ts";
import { notesText } from "./notes.ts";
import { tableRows } from "./pages.ts";

const base = versionOf(good);

test("undecided runs are neither failed nor passed, and changed verdicts are counted and listed", () => {
  const version = undecided();
  expect(violationsOf(version)).toEqual([]);
  expect(version.rows[0]?.["failed of n"]).toBe(
    "1 of 20 (1 of 17 decided); 3 undecided; budget 2000 ms (0 ms for some clients), after healing 2000 ms; 3 judged otherwise when measured",
  );
  const notes = notesText([version.published]);
  expect(notes).toContain("3 of 20 verdicts differ from that of the time of measuring");
  expect(notes).toContain("scale to zero, local, exits, tuned, run 1, t0: failed -> undecided: too long");
  expect(notesText([base.published])).toContain("none of 20 verdicts differ");
});

describe("the notes and the README's tables", () => {
  const other = (cilium: string, kubernetes: string, ms: number): Published => ({
    ...publishedOf(
      good.map((m) => ({
        ...{ ...m, lab: `${cilium} ${m.lab}`, setting: { ...m.setting, cilium, kubernetes } },
        away: lossy(ms + m.away.outageMs),
      })),
    ),
    cilium,
  });
  const two = [other("1.19.7", "1.34.9", 0), other("1.20.2", "1.36.4", 5000)];

  test("name the Kubernetes of each version, and compare the versions by lab", () => {
    const notes = notesText(two);
    expect(notes).toContain(
      "Cilium 1.19.7 ran on Kubernetes 1.34.9, Cilium 1.20.2 ran on Kubernetes 1.36.4.",
    );
    expect(notes).toContain("can be that of Kubernetes");
    expect(tableRows(notes)[0]).toMatchObject({
      row: "scale to zero, local, exits, tuned",
      "the newer one is": "slower, p = 0.0079, by lab",
    });
    expect(notesText(two.slice(0, 1))).not.toContain("Versions compared");
  });

  test("say what the journal does not", () => {
    const [first] = two;
    const silent = notesText([{ ...(first ?? base.published), missingCommits: ["04a32e65187a"] }]);
    expect(silent).toContain("The journals of x do not state how each command ended");
    expect(silent).toContain("This repository does not have commit 04a32e65187a");
    expect(silent).toContain("if runs are independent (20: 14 %)");
    expect(silent).toContain("if only labs are (5: 46 %)");
  });

  test("fit a page: the machine's part stands below", () => {
    const page = headlineTable([lacking().published, ...two]);
    const rows = tableRows(page);
    expect(rows).toHaveLength(3);
    expect(Object.keys(rows[0] ?? {})).toHaveLength(9);
    for (const row of rows) expect(Object.values(row).join("").length).toBeLessThan(170);
    expect(page).toContain(
      "not restored before the end of the window: 1 of 19, 1 of 19 at some vantage point",
    );
    expect(page).toContain("- 1.19.4, scale to zero, local: 19 from 5 labs (3 to 4 each); too few runs");
    expect(page).toContain("Cilium 1.20.2 ran on Kubernetes 1.36.4");
  });
});

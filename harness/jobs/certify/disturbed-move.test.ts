import { describe, expect, test } from "vitest";
import { exampleJournal, examplePhase } from "#harness/model/certificate-examples.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import { disturbedBefore } from "./disturbed-move.ts";

const deploymentOf = ({ name }: { readonly name: string }): string => `echo-${name}`;

const journal = (disturb: boolean, change: Partial<CertificationJournal> = {}): CertificationJournal => {
  const example = exampleJournal(change);
  return { ...example, settings: { ...example.settings, disturb } };
};

describe("what a resumed cycle cannot compare", () => {
  test("is the backends of a cluster whose disturbed upgrade was interrupted, not its other pods", () => {
    expect(disturbedBefore(journal(true), deploymentOf)).toEqual([
      { cluster: "east", pods: ["echo-east-1"] },
    ]);
  });

  test("is also those of clusters that were upgraded before; a move back is not disturbed", () => {
    const done = [
      examplePhase(),
      examplePhase({ name: "upgrade east first", change: { cluster: "east", to: "new" } }),
      examplePhase({ name: "upgrade west last", change: { cluster: "west", to: "new" } }),
    ];
    const clusters = (current: string): string[] =>
      disturbedBefore(journal(true, { done, current }), deploymentOf).map((d) => d.cluster);
    expect(clusters("roll back west first")).toEqual(["east", "west"]);
    expect(disturbedBefore(journal(true, { current: "baseline" }), deploymentOf)).toEqual([]);
  });

  test("is nothing without disturbances", () => {
    expect(disturbedBefore(journal(false), deploymentOf)).toEqual([]);
  });
});

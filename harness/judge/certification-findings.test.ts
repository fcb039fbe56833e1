import { expect, test } from "vitest";
import type { Disruption } from "#harness/model/certificate.ts";
import { exampleDisruption } from "#harness/model/certificate-examples.ts";
import { disruptionFindings, withoutDisturbances } from "./certification-findings.ts";

type Outage = Disruption["outages"][number];
const outage: Outage = { afterMs: 900, gapMs: 750, lost: 2, cause: "agent of east on a terminating" };
const lossy = exampleDisruption({ lost: 3, lostMs: 1250, longestGapMs: 750, outages: [outage] });
const messageOf = (d: Disruption): string | undefined =>
  disruptionFindings([{ phase: { name: "upgrade east first" }, disruptions: [d], cycle: 0 }], 1)[0]?.message;

test("a loss states its pacing, the event before it and what its first request said", () => {
  const firstLoss = "timeout: name not resolved: no answer in 1000 ms";
  expect(messageOf({ ...lossy, everyMs: 250, outages: [{ ...outage, firstLoss }] })).toBe(
    `upgrade east first: east: names: 3 of 600 lost, 750 ms at most, asked every 250 ms; after: ${outage.cause}; what was lost first said ${firstLoss}`,
  );
});

test("records of earlier versions say what they hold", () => {
  expect(messageOf(lossy)).toBe(
    `upgrade east first: east: names: 3 of 600 lost, 750 ms at most; after: ${outage.cause}`,
  );
  expect(messageOf({ ...lossy, outages: [] })).toBe(
    "upgrade east first: east: names: 3 of 600 lost, 750 ms at most",
  );
});

test("without disturbances the lost time is that of the other gaps; in earlier records their share of the requests", () => {
  const made: Outage = { ...outage, gapMs: 10_000, lost: 39, disturbance: true };
  const both = { ...lossy, lost: 41, lostMs: 10_750, longestGapMs: 10_000, outages: [made, outage] };
  expect(withoutDisturbances({ ...both, everyMs: 250 })).toMatchObject({
    ...{ lost: 2, lostMs: 750, longestGapMs: 750, outages: [outage] },
  });
  expect(withoutDisturbances({ ...both, lostMs: 41 * 250 })).toMatchObject({ lost: 2, lostMs: 500 });
  expect(withoutDisturbances(lossy)).toBe(lossy);
});

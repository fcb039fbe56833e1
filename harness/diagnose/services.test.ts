import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { unpackFixture } from "./fixture.ts";
import { diagnose } from "./index.ts";

test("annotations count in any case, as Cilium reads them", () => {
  const path = join(import.meta.dirname, "fixtures/shared-false.json.gz");
  const { snapshot } = unpackFixture(readFileSync(path), "shared-false");
  const written = (value: string): string => `${value.slice(0, 1).toUpperCase()}${value.slice(1)}`;
  const inOtherCase = ({ services, ...cluster }: ClusterSnapshot): ClusterSnapshot => ({
    ...cluster,
    services: services.ok
      ? {
          ok: true,
          value: services.value.map((s) => ({
            ...s,
            annotations: Object.fromEntries(Object.entries(s.annotations).map(([k, v]) => [k, written(v)])),
          })),
        }
      : services,
  });
  const messages = diagnose({ clusters: snapshot.clusters.map(inOtherCase) }, []).map((f) => f.message);
  expect(messages).toEqual(diagnose(snapshot, []).map((f) => f.message));
  expect(messages.some((m) => m.includes("does not share its backends"))).toBe(true);
  expect(messages.some((m) => m.includes("global in none of them"))).toBe(false);
});

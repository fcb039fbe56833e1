import { expect, test } from "vitest";
import { exampleArtifacts, exampleCluster, exampleJournal, examplePlan } from "#harness/model/examples.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { describeCertificate } from "./certificate-of.ts";

const built = (version: string, ...notes: string[]) => ({
  ...exampleArtifacts(),
  provenance: [{ name: "cilium", version, origin: "Go module", sum: "h1:x", notes }],
});

test("a certificate and its page name the substitutions of both versions", async () => {
  const clusters = [exampleCluster("east", 1)];
  const certificate = await describeCertificate(
    exampleJournal(),
    { ...examplePlan(), clusters },
    { old: built("1.19.1", "a is refused"), new: built("1.19.4", "a is refused", "b is refused") },
  );
  expect(certificate.substitutions).toEqual([
    { components: ["cilium 1.19.1", "cilium 1.19.4"], what: "a is refused" },
    { components: ["cilium 1.19.4"], what: "b is refused" },
  ]);
  const page = certificateHtml(certificate);
  expect(page).toContain("cilium 1.19.1, cilium 1.19.4: a is refused");
  expect(page).toContain("cilium 1.19.4: b is refused");
});

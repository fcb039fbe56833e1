import { expect, test } from "vitest";
import { makeCa } from "./ca.ts";

test("the CA is one that signs", async () => {
  const { default: forge } = await import("node-forge");
  const ca = await makeCa("x");
  const cert = forge.pki.certificateFromPem(ca.cert);
  expect(cert.getExtension("basicConstraints")).toMatchObject({ cA: true });
  expect(cert.verify(cert)).toBe(true);
});

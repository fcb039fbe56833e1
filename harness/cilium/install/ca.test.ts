import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { makeCa } from "./ca.ts";

test("the CA may sign certificates", async () => {
  const cert = new X509Certificate((await makeCa("x")).cert);
  expect(cert.ca).toBe(true);
  expect(cert.verify(cert.publicKey)).toBe(true);
});

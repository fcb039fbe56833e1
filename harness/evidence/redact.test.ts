import { expect, test } from "vitest";
import { redact } from "./redact.ts";

test("keys and tokens are left out", () => {
  const key = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----";
  const token = `eyJ${"a".repeat(20)}.${"b".repeat(20)}.${"c".repeat(20)}`;
  const told = redact(`x ${key} y\nclient-key-data: ${"Q".repeat(40)}\ntoken: ${token}\nname: kept`);
  expect(told).not.toMatch(/MIIabc|QQQQ|eyJ/);
  expect(told).toContain("name: kept");
});

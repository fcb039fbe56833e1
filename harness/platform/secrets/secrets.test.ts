import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { findSecrets, redactSecrets } from "./index.ts";
import { certificate, harmless, pem, planted } from "./planted.ts";
import { holdsPrivateKey } from "./private-keys.ts";
import { applySpans, markerPattern } from "./span.ts";

/** Tokens of services are secretlint's (host/report-files.test.ts). */
const ofServices = /GitHub|Slack|hides|an AWS key/;
const own = Object.entries(planted).filter(([name]) => !ofServices.test(name));

test.each(own)("%s is taken out", (_, { text, secret }) => {
  expect(secret).not.toBe("");
  expect(text).toContain(secret);
  const redacted = redactSecrets(text);
  expect(redacted).not.toContain(secret);
  expect(redacted).toMatch(/\[redacted: [^\]]+\]/);
});

test.each(own)("%s is named, and what is redacted stays as it is", (_, { text }) => {
  const redacted = redactSecrets(text);
  for (const [, kind] of redacted.matchAll(markerPattern)) expect(kind).toMatch(/\w/);
  expect(redactSecrets(redacted)).toBe(redacted);
});

test.each(harmless.map((text) => [text.slice(0, 60), text]))("%s stays", (_, text) => {
  expect(redactSecrets(text)).toBe(text);
});

test("the rest of the evidence stays", () => {
  // Two halves of keys, one behind the other, are one key.
  const whole = own.filter(([name]) => !name.includes("cut off"));
  const text = whole.map(([name, { text }]) => `== ${name}\n${text}`).join("\n---\n");
  const redacted = redactSecrets(text);
  for (const [name] of whole) expect(redacted).toContain(`== ${name}\n`);
  expect(redacted).toContain(`public key: `);
  expect(redacted).toContain("stays: here");
});

test("JSON stays JSON, and a Secret in YAML stays YAML", () => {
  for (const [name, { text }] of own.filter(([, { text }]) => /^[[{]/.test(text)))
    expect(() => JSON.parse(redactSecrets(text)), name).not.toThrow();
  const secret = parseYaml(redactSecrets(planted["a Secret in YAML"]?.text ?? ""));
  expect(Object.keys(secret.data)).toEqual(["a", "long"]);
  expect(secret.metadata).toEqual({ name: "s" });
});

test("a private key is seen as such, a certificate is not", () => {
  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  expect([pem(), encoded(pem()), `x: ${encoded(`y${pem()}`)}`].map(holdsPrivateKey)).toEqual([
    true,
    true,
    true,
  ]);
  expect(
    [certificate, encoded(certificate), "PRIVATE KEY", "tls.key: [redacted: private key]"].some(
      holdsPrivateKey,
    ),
  ).toBe(false);
});

test("what real meshes showed under faults holds no secret, and comes through as it is", () => {
  const dir = join(import.meta.dirname, "../../diagnose/fixtures");
  const files = readdirSync(dir).filter((f) => f.endsWith(".json.gz"));
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) {
    const text = gunzipSync(readFileSync(join(dir, file))).toString();
    expect(findSecrets(text), file).toEqual([]);
  }
});

test("what agents and API servers answer comes through as it is", () => {
  const dir = join(import.meta.dirname, "../../cilium/agent/fixtures");
  const files = readdirSync(dir).filter((f) => f.endsWith(".json"));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) expect(findSecrets(readFileSync(join(dir, file), "utf8")), file).toEqual([]);
});

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const name = fc.stringMatching(/^[a-z][a-z0-9]{1,8}(-[a-z][a-z0-9]{1,8}){0,4}$/);

test("identities, UIDs, digests, addresses and names survive, whatever their value", () => {
  fc.assert(
    fc.property(
      fc.record({
        identity: fc.nat(2 ** 25),
        uid: fc.uuid(),
        imageID: hex(64).map((h) => `quay.io/cilium/cilium@sha256:${h}`),
        traceId: hex(32),
        clusterIP: fc.ipV4(),
        name,
        namespace: name,
        "security-labels": fc.record({ "k8s:app": name }),
        resourceVersion: fc.nat().map(String),
      }),
      fc.boolean(),
      (object, pretty) => {
        const text = JSON.stringify([object], null, pretty ? 1 : 0);
        expect(redactSecrets(text)).toBe(text);
      },
    ),
  );
});

test("base64 of anything but keys survives", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 30, maxLength: 400 }), (bytes) => {
      const text = JSON.stringify({ caBundle: Buffer.from(bytes).toString("base64") });
      fc.pre(!/H4sIA|SDRzSU/.test(text));
      expect(redactSecrets(text)).toBe(text);
    }),
  );
});

test("a secret is taken out wherever it stands, and nothing beside it", () => {
  const line = fc.stringMatching(/^[a-z ]{0,40}$/);
  fc.assert(
    fc.property(
      fc.array(line),
      fc.constantFrom(...own),
      fc.array(line),
      (before, [, { text, secret }], after) => {
        const whole = `${before.join("\n")}\n---\n${text}\n---\n${after.join("\n")}\n`;
        const redacted = redactSecrets(whole);
        expect(redacted).not.toContain(secret);
        expect(redacted.startsWith(`${before.join("\n")}\n---\n`)).toBe(true);
        expect(redacted.endsWith(`\n---\n${after.join("\n")}\n`)).toBe(true);
      },
    ),
  );
});

test("spans that overlap leave nothing between them", () => {
  const at = (start: number, end: number, kind: string) => ({ start, end, kind });
  expect(applySpans("0123456789", [at(4, 8, "b"), at(2, 6, "a"), at(9, 10, "c")])).toBe(
    "01[redacted: a]8[redacted: c]",
  );
});

test("hostile text takes no longer than its length", () => {
  const hostile = [
    "token=",
    "kind: Secret\n",
    '{"kind":"Secret",',
    "-----BEGIN PRIVATE KEY-----\n",
    "A\n-----END PRIVATE KEY-----\n",
    "://a:",
    "\\",
    '"password":"',
    "password ",
    "H4sIA",
    "data: {",
  ];
  for (const piece of hostile) {
    const text = piece.repeat(1_000_000 / piece.length);
    const startedMs = performance.now();
    findSecrets(text);
    expect(performance.now() - startedMs, piece).toBeLessThan(5000);
  }
});

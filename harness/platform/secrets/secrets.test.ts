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

/** secretlint finds tokens of services (report-files.test.ts). */
const ofServices = /GitHub|Slack|hides|an AWS key/;
const patterned = Object.entries(planted).filter(([name]) => !ofServices.test(name));

test.each(patterned)("%s is redacted", (_, { text, secret }) => {
  expect(secret).not.toBe("");
  expect(text).toContain(secret);
  const redacted = redactSecrets(text);
  expect(redacted).not.toContain(secret);
  expect(redacted).toMatch(/\[redacted: [^\]]+\]/);
});

test.each(patterned)("%s has its kind in the marker, and redacting twice changes nothing", (_, { text }) => {
  const redacted = redactSecrets(text);
  for (const [, kind] of redacted.matchAll(markerPattern)) expect(kind).toMatch(/\w/);
  expect(redactSecrets(redacted)).toBe(redacted);
});

test.each(harmless.map((text) => [text.slice(0, 60), text]))("%s stays", (_, text) => {
  expect(redactSecrets(text)).toBe(text);
});

test("the other evidence stays", () => {
  // Two consecutive halves of keys count as one key.
  const complete = patterned.filter(([name]) => !name.includes("cut off"));
  const text = complete.map(([name, { text }]) => `== ${name}\n${text}`).join("\n---\n");
  const redacted = redactSecrets(text);
  for (const [name] of complete) expect(redacted).toContain(`== ${name}\n`);
  expect(redacted).toContain(`public key: `);
  expect(redacted).toContain("stays: here");
});

test("JSON stays JSON, and a Secret in YAML stays YAML", () => {
  for (const [name, { text }] of patterned.filter(([, { text }]) => /^[[{]/.test(text)))
    expect(() => JSON.parse(redactSecrets(text)), name).not.toThrow();
  const secret = parseYaml(redactSecrets(planted["a Secret in YAML"]?.text ?? ""));
  expect(Object.keys(secret.data)).toEqual(["a", "long"]);
  expect(secret.metadata).toEqual({ name: "s" });
});

test("a private key is recognised, a certificate is not taken for one", () => {
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

test("snapshots of real meshes under faults contain no secret and stay unchanged", () => {
  const dir = join(import.meta.dirname, "../../diagnose/fixtures");
  const files = readdirSync(dir).filter((f) => f.endsWith(".json.gz"));
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) {
    const text = gunzipSync(readFileSync(join(dir, file))).toString();
    expect(findSecrets(text), file).toEqual([]);
  }
});

test("answers of agents and API servers stay unchanged", () => {
  const dir = join(import.meta.dirname, "../../cilium/agent/fixtures");
  const files = readdirSync(dir).filter((f) => f.endsWith(".json"));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) expect(findSecrets(readFileSync(join(dir, file), "utf8")), file).toEqual([]);
});

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const name = fc.stringMatching(/^[a-z][a-z0-9]{1,8}(-[a-z][a-z0-9]{1,8}){0,4}$/);

test("identities, UIDs, digests, addresses and names stay, with any value", () => {
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

test("base64 of anything but keys stays", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 30, maxLength: 400 }), (bytes) => {
      const text = JSON.stringify({ caBundle: Buffer.from(bytes).toString("base64") });
      fc.pre(!/H4sIA|SDRzSU/.test(text));
      expect(redactSecrets(text)).toBe(text);
    }),
  );
});

test("a secret is redacted at any position, and nothing around it", () => {
  const line = fc.stringMatching(/^[a-z ]{0,40}$/);
  fc.assert(
    fc.property(
      fc.array(line),
      fc.constantFrom(...patterned),
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

test("overlapping spans become one", () => {
  const at = (start: number, end: number, kind: string) => ({ start, end, kind });
  expect(applySpans("0123456789", [at(4, 8, "b"), at(2, 6, "a"), at(9, 10, "c")])).toBe(
    "01[redacted: a]8[redacted: c]",
  );
});

test("hostile text is scanned in linear time", () => {
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
    const before = process.cpuUsage();
    findSecrets(text);
    // A quadratic scan of this length takes many minutes of a core on any machine.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000, piece).toBeLessThan(60_000);
  }
});

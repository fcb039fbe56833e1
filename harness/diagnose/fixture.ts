import { gunzipSync, gzipSync } from "node:zlib";
import { checkRecord } from "#harness/lib/records.ts";
import { type FaultFixture, faultFixtureFormat } from "#harness/model/fault-fixture.ts";

/** Compressed JSON; a map is kept as `{ entries: [...] }`. */
export function packFixture(fixture: FaultFixture): Buffer {
  const text = JSON.stringify(fixture, (_, value: unknown) =>
    value instanceof Map ? { entries: [...value] } : value,
  );
  return gzipSync(text, { level: 9 });
}

export function unpackFixture(packed: Buffer, name: string): FaultFixture {
  const value: unknown = JSON.parse(gunzipSync(packed).toString(), (_, inner: unknown) =>
    isPackedMap(inner) ? new Map(inner.entries) : inner,
  );
  return checkRecord(value, faultFixtureFormat, {
    what: `fixture ${name}`,
    remedy: "regenerate it with scripts/tools/fault-fixtures/main.ts",
    code: "evidence-malformed",
  });
}

function isPackedMap(value: unknown): value is { entries: [unknown, unknown][] } {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.keys(value).join() === "entries" &&
    Array.isArray((value as { entries: unknown }).entries)
  );
}

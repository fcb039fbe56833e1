import { gunzipSync, gzipSync } from "node:zlib";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";

/** A mesh that was broken for real: what was seen of it under a fault, and what the fault had harmed. */
export interface FaultFixture {
  readonly fault: string;
  /** The first finding must hold at least one of these. */
  readonly names: readonly string[];
  readonly snapshot: MeshSnapshot;
}

/** Compressed JSON; a map is kept as `{ entries: [...] }`. */
export function packFixture(fixture: FaultFixture): Buffer {
  const text = JSON.stringify(fixture, (_, value: unknown) =>
    value instanceof Map ? { entries: [...value] } : value,
  );
  return gzipSync(text, { level: 9 });
}

export function unpackFixture(packed: Buffer): FaultFixture {
  return JSON.parse(gunzipSync(packed).toString(), (_, value: unknown) =>
    isPackedMap(value) ? new Map(value.entries) : value,
  ) as FaultFixture;
}

function isPackedMap(value: unknown): value is { entries: [unknown, unknown][] } {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.keys(value).join() === "entries" &&
    Array.isArray((value as { entries: unknown }).entries)
  );
}

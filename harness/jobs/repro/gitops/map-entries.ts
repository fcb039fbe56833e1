import { isMapping } from "#harness/lib/value-at.ts";

type Values = Record<string, unknown>;

/** An entry of a ConfigMap, or of a Secret, whose `data` is in base64. */
export function entryOf({ kind, data, stringData }: Values, key: string): string | undefined {
  const plain = kind === "Secret" ? stringData : data;
  const text = isMapping(plain) ? plain[key] : undefined;
  if (typeof text === "string") return text;
  const packed = kind === "Secret" && isMapping(data) ? data[key] : undefined;
  return typeof packed === "string" && !packed.startsWith("ENC[")
    ? Buffer.from(packed, "base64").toString("utf8")
    : (packed as string | undefined);
}

/** By SOPS, which leaves its own part in the object. */
export const isEncrypted = (map: Values, text: string): boolean =>
  map.sops !== undefined || text.startsWith("ENC[");

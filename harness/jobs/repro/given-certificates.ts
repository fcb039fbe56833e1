import { createHash, X509Certificate } from "node:crypto";

/** The certificates in a text: PEM, or the base64 of PEM, as values and Secrets hold it. None if it holds none. */
export function certificatesOf(value: unknown): X509Certificate[] {
  if (typeof value !== "string" || value === "") return [];
  const pem = value.includes("-----BEGIN") ? value : Buffer.from(value, "base64").toString();
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).flatMap((one) => {
    try {
      return [new X509Certificate(one)];
    } catch {
      return [];
    }
  });
}

/** By the key of the CA: two CAs can have one name. */
export function isSignedBy(leaf: X509Certificate, ca: X509Certificate): boolean {
  try {
    return leaf.issuer === ca.subject && leaf.verify(ca.publicKey);
  } catch {
    return false;
  }
}

/**
 * What is equal of two texts that hold one CA: a renewed certificate has the same name and the same key. The text itself
 * if it holds no certificate.
 */
export function authorityOf(text: string): string {
  const keys = certificatesOf(text).map((c) =>
    createHash("sha256")
      .update(c.subject)
      .update(c.publicKey.export({ type: "spki", format: "der" }))
      .digest("hex"),
  );
  return keys.length === 0 ? text.trim() : keys.toSorted().join();
}

import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const tlsCertificateSchema = z.object({
  subject: z.string(),
  issuer: z.string(),
  /** Hexadecimal, without separators. */
  serial: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** DNS names and addresses that it is issued for. Absent where only its validity was read, like the two below. */
  names: z.array(z.string()).exactOptional(),
  /** SHA-256 of its public key. */
  key: z.string().exactOptional(),
  /** The keys of those CAs of the same cluster that signed it. */
  signers: z.array(z.string()).exactOptional(),
});
/** A certificate, without its private key. */
export type Certificate = Infer<typeof tlsCertificateSchema>;

export const heldCertificateSchema = z.object({
  /** Where it is: `Secret clustermesh-apiserver-server-cert`. */
  place: z.string(),
  /**
   * `server`: etcd presents it; `client`: presented to a peer; `trusted`: verifies a peer's server; `clients-ca`: verifies
   * etcd's clients; `ca`: signs the cluster's own certificates.
   */
  role: z.enum(["server", "client", "trusted", "clients-ca", "ca"]),
  /** Who uses it for which peer. */
  reader: z.enum(["agents", "kvstoreMesh"]).exactOptional(),
  peer: z.string().exactOptional(),
  certificate: tlsCertificateSchema,
});
export type HeldCertificate = Infer<typeof heldCertificateSchema>;

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import forge from "node-forge";
import { writeAtomic } from "#harness/platform/paths.ts";
import { labDir } from "#harness/state/lab.ts";

export interface CertificateAuthority {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/** The lab's CA: made once and kept in the lab's folder (mode 0600), so that a repair signs with the same one. */
export async function labCa(lab: string, name = "ca"): Promise<CertificateAuthority> {
  const certFile = join(labDir(lab), `${name}.crt`);
  const keyFile = join(labDir(lab), `${name}.key`);
  try {
    return { cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
  } catch {
    const ca = await makeCa("Meshproof lab CA");
    await writeAtomic(keyFile, ca.key, 0o600);
    await writeAtomic(certFile, ca.cert, 0o600);
    return ca;
  }
}

export async function makeCa(commonName: string): Promise<CertificateAuthority> {
  const keys = await newKeys();
  const name = [{ name: "commonName", value: commonName }];
  const cert = blankCertificate(keys.publicKey, {
    fromMs: Date.now() - 3_600_000,
    untilMs: Date.now() + 3 * 365 * 86_400_000,
  });
  cert.setSubject(name);
  cert.setIssuer(name);
  cert.setExtensions([
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ]);
  cert.sign(keys.privateKey, forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(cert), key: forge.pki.privateKeyToPem(keys.privateKey) };
}

interface Leaf {
  readonly cert: string;
  readonly key: string;
}

interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A client certificate signed by a CA, valid between two Unix times in milliseconds; PEM. */
export function clientCertificate(
  ca: CertificateAuthority,
  commonName: string,
  valid: Validity,
): Promise<Leaf> {
  return leafCertificate(ca, commonName, valid, [{ name: "extKeyUsage", clientAuth: true }]);
}

/** A server certificate for addresses and DNS names; PEM. */
export function serverCertificate(
  ca: CertificateAuthority,
  commonName: string,
  names: { readonly ips: readonly string[]; readonly dns?: readonly string[] },
  valid: Validity,
): Promise<Leaf> {
  const altNames = [
    ...names.ips.map((ip) => ({ type: 7, ip })),
    ...(names.dns ?? []).map((value) => ({ type: 2, value })),
  ];
  return leafCertificate(ca, commonName, valid, [
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames },
  ]);
}

async function leafCertificate(
  ca: CertificateAuthority,
  commonName: string,
  valid: Validity,
  extensions: readonly Record<string, unknown>[],
): Promise<Leaf> {
  const keys = await newKeys();
  const cert = blankCertificate(keys.publicKey, valid);
  cert.setSubject([{ name: "commonName", value: commonName }]);
  cert.setIssuer(forge.pki.certificateFromPem(ca.cert).subject.attributes);
  cert.setExtensions([{ name: "keyUsage", digitalSignature: true, keyEncipherment: true }, ...extensions]);
  cert.sign(forge.pki.privateKeyFromPem(ca.key), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(cert), key: forge.pki.privateKeyToPem(keys.privateKey) };
}

function newKeys(): Promise<forge.pki.rsa.KeyPair> {
  return new Promise((resolve, reject) =>
    forge.pki.rsa.generateKeyPair({ bits: 2048 }, (error, pair) => (error ? reject(error) : resolve(pair))),
  );
}

function blankCertificate(
  key: forge.pki.rsa.PublicKey,
  valid: { readonly fromMs: number; readonly untilMs: number },
): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  cert.publicKey = key;
  cert.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`;
  cert.validity.notBefore = new Date(valid.fromMs);
  cert.validity.notAfter = new Date(valid.untilMs);
  return cert;
}

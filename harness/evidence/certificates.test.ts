import { expect, test } from "vitest";
import { readPeerPaths, readTroubleshoot } from "#harness/cilium/agent/troubleshoot.ts";
import { clientCertificate, makeCa, serverCertificate } from "#harness/cilium/install/ca.ts";
import { redactSecrets } from "#harness/platform/secrets/index.ts";
import { heldCertificates, meshUsersOf } from "./certificates.ts";

const valid = { fromMs: Date.parse("2026-01-01T00:00:00Z"), untilMs: Date.parse("2027-01-01T00:00:00Z") };

test("certificates are described without keys, with the CA that signed them", async () => {
  const [own, other] = await Promise.all([makeCa("Cilium CA"), makeCa("Cilium CA")]);
  const server = await serverCertificate(
    own,
    "clustermesh",
    { ips: ["172.18.0.2"], dns: ["*.mesh.cilium.io"] },
    valid,
  );
  const client = await clientCertificate(own, "remote", valid);
  const path = "/var/lib/cilium/clustermesh";
  const west = [
    "endpoints:",
    "- https://west.mesh.cilium.io:2379",
    `trusted-ca-file: ${path}/west-ca.crt`,
    `cert-file: '${path}/common-etcd-client.crt'`,
  ].join("\n");
  const held = heldCertificates(
    new Map([
      ["cilium-ca", new Map([["ca.crt", own.cert]])],
      [
        "clustermesh-apiserver-server-cert",
        new Map([
          ["tls.crt", server.cert],
          ["tls.key", server.key],
          ["ca.crt", own.cert],
        ]),
      ],
      ["clustermesh-apiserver-remote-cert", new Map([["tls.crt", client.cert]])],
      [
        "cilium-kvstoremesh",
        new Map([
          ["west", west],
          ["west-ca.crt", other.cert],
        ]),
      ],
    ]),
  );
  const of = (role: string) => held.find((h) => h.role === role);
  expect(held.map((h) => h.role).sort()).toEqual(["ca", "client", "clients-ca", "server", "trusted"]);
  expect(of("server")).toMatchObject({
    place: "Secret clustermesh-apiserver-server-cert",
    certificate: {
      issuer: "CN=Cilium CA",
      names: ["172.18.0.2", "*.mesh.cilium.io"],
      notAfter: "2027-01-01T00:00:00.000Z",
    },
  });
  expect(of("client")).toMatchObject({
    reader: "kvstoreMesh",
    peer: "west",
    place: "Secret clustermesh-apiserver-remote-cert",
  });
  const ownKey = of("ca")?.certificate.key ?? "";
  expect(of("server")?.certificate.signers).toEqual([ownKey]);
  expect(of("client")?.certificate.signers).toEqual([ownKey]);
  // The same name, and another key.
  expect(of("trusted")?.certificate.key).not.toBe(ownKey);
  const text = JSON.stringify(held, null, 1);
  expect(text).not.toContain("PRIVATE");
  expect(redactSecrets(text)).toBe(text);
});

test("the users of etcd for other clusters: the common one, and those of the chart's ConfigMap", async () => {
  const users = (data: Readonly<Record<string, string>> | undefined) => {
    const get = async () => (data === undefined ? undefined : { metadata: { name: "x" }, data });
    return meshUsersOf({ kube: { get } } as unknown as Parameters<typeof meshUsersOf>[0]);
  };
  const text = 'users:\n- name: remote-west\n  role: remote\n- name: "remote-south"\n  role: remote\n';
  expect(await users({ "users.yaml": text })).toEqual(["remote", "remote-west", "remote-south"]);
  expect(await users(undefined)).toEqual(["remote"]);
});

test("what troubleshoot prints of peers, without the cluster's own entry", () => {
  const certificate = (serial: string): string[] => [
    `      - Serial number:       ${serial}`,
    "        Subject:             CN=remote",
    "        Issuer:              CN=Cilium CA",
    "        Validity:",
    "          Not before:  2026-11-21 10:01:07 +0000 UTC",
    "          Not after:   2029-11-20 10:01:07 +0000 UTC",
  ];
  const entry = (name: string, ip: string): string[] => [
    `   - https://${name}.mesh.cilium.io:32379`,
    `     ✅ Hostname resolved to: ${ip}`,
    `     ❌ Cannot establish TCP connection to ${name}.mesh.cilium.io:32379: i/o timeout`,
    "🔑 Digital certificates:",
    "   ✅ TLS Root CA certificates:",
    ...certificate("77:2d"),
    "   ✅ TLS client certificates:",
    ...certificate("17:02"),
    "⚙️ Etcd client:",
    "   ❌ Failed to establish connection: context deadline exceeded",
  ];
  const text = [
    'Cluster "c1":',
    "ℹ️  This entry corresponds to the local cluster",
    ...entry("c1", "172.19.0.5"),
    'Cluster "c2":',
    ...entry("c2", "172.19.0.2"),
  ].join("\n");
  const validity = { notBefore: "2026-11-21T10:01:07.000Z", notAfter: "2029-11-20T10:01:07.000Z" };
  expect(readPeerPaths(text)).toEqual([
    {
      peer: "c2",
      endpoints: [{ url: "https://c2.mesh.cilium.io:32379", ips: ["172.19.0.2"] }],
      trusted: [{ subject: "CN=remote", issuer: "CN=Cilium CA", serial: "772d", ...validity }],
      client: [{ subject: "CN=remote", issuer: "CN=Cilium CA", serial: "1702", ...validity }],
      presented: [],
    },
  ]);
  expect(readTroubleshoot(text).map((t) => t.peer)).toEqual(["c2", "c2"]);
});

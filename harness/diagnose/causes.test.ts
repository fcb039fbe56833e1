import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import type {
  ClusterSnapshot,
  EventState,
  HeldCertificate,
  PolicyObject,
} from "#harness/model/mesh-snapshot.ts";
import { findingKinds } from "./catalogue/index.ts";
import {
  apiserverPod,
  causesOf,
  east,
  healthyMesh,
  meshWith,
  ok,
  pod,
  remote,
  service,
  withSettings,
} from "./healthy-mesh.ts";
import { triggers } from "./known-defects.ts";

const defects = await readKnownDefects(join(import.meta.dirname, "../../suites"));

const pages = join(import.meta.dirname, "../../docs/reference/findings");
const lost = ok([remote("west", 2, false)]);
/** East's KVStoreMesh does not reach west. */
const cutOff = (over: Partial<ClusterSnapshot>, ofWest: Partial<ClusterSnapshot> = {}) =>
  meshWith({ kvstoreMesh: lost, ...over }, ofWest);

describe("pods that cannot start", () => {
  const stuck = apiserverPod(1, {
    ready: false,
    containers: [{ name: "etcd", ready: false, restarts: 0, trouble: "PodInitializing" }],
    waiting: [{ container: "etcd-init", image: "i", reason: "PodInitializing", message: "" }],
  });
  const event: EventState = {
    namespace: "kube-system",
    kind: "Pod",
    name: stuck.name,
    reason: "FailedMount",
    message: 'MountVolume.SetUp failed for volume "x" : secret "clustermesh-apiserver-admin-cert" not found',
    at: "2026-11-21T09:59:00Z",
  };

  test("the missing Secret of clustermesh-apiserver is named first, and who makes it", () => {
    const [first] = causesOf(cutOff({ pods: ok([stuck]), events: ok([event]) }));
    expect(first).toMatchObject({ id: "pod-cannot-start", cluster: "east" });
    expect(first?.message).toContain(
      "waits for Secret clustermesh-apiserver-admin-cert, which does not exist",
    );
    expect(first?.next).toMatch(/^let Helm make it: helm .* delete pod -l k8s-app=clustermesh-apiserver; /);
  });

  test("a pod of certgen that has ended is no fault", () => {
    const done = pod({
      ...{ namespace: "kube-system", name: "clustermesh-apiserver-generate-certs-x2k5d", ready: false },
      ended: true,
      containers: [{ name: "certgen", ready: false, restarts: 0, trouble: "Completed" }],
    });
    const pods = ok([...(east.pods.ok ? east.pods.value : []), done]);
    expect(causesOf(meshWith({ pods }))).toEqual([]);
  });

  test("a user's pod: suspect, and the cause of a service without backends", () => {
    const client = pod({ name: "db-1", labels: {}, ready: false, containers: [] });
    const of = { ...event, namespace: "shop", name: "db-1", message: 'configmap "db" not found' };
    const pods = ok([...(east.pods.ok ? east.pods.value : []), client]);
    expect(causesOf(meshWith({ pods, events: ok([of]) }))).toMatchObject([
      {
        id: "workload-pod-cannot-start",
        severity: "suspect",
        message: expect.stringContaining("ConfigMap db"),
      },
    ]);
  });
});

describe("both ends of a connection", () => {
  const step = (text: string) => cutOff({ kvstoreMeshTrouble: ok([{ peer: "west", step: text }]) });

  test.each([
    [
      "Cannot establish TLS connection to west:1: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-27T00:00:00Z is after 2026-11-26T00:00:00Z",
      "certificate-expired",
      "the server certificate of west has expired",
    ],
    [
      "Cannot establish TLS connection to west:1: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-27T00:00:00Z is before 2026-11-28T00:00:00Z",
      "certificate-not-yet-valid",
      "the server certificate of west is not yet valid",
    ],
    [
      "Cannot establish TLS connection to west:1: tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "certificate-untrusted",
      "the server certificate of west is signed by a CA that KVStoreMesh of east does not trust",
    ],
    [
      "Cannot establish TLS connection to west:1: tls: failed to verify certificate: x509: certificate is valid for a.example, not west.mesh.cilium.io",
      "certificate-name",
      "the server certificate of west is issued for other names",
    ],
    [
      "TLS client authentication failed: remote error: tls: expired certificate",
      "certificate-expired",
      "the client certificate of KVStoreMesh of east is expired",
    ],
    [
      "TLS client authentication failed: remote error: tls: unknown certificate authority",
      "certificate-untrusted",
      "the client certificate of KVStoreMesh of east is signed by a CA that west does not trust",
    ],
    ["Cannot establish TCP connection to west:1: i/o timeout", "peer-unreachable", "i/o timeout"],
    ["Cannot resolve hostname: no such host", "peer-name-unresolved", "no such host"],
  ])("%s", (text, id, message) => {
    expect(causesOf(step(text))[0]).toMatchObject({ id, message: expect.stringContaining(message) });
  });
});

describe("certificates of both ends, from their Secrets", () => {
  const certificate = {
    subject: "CN=x",
    issuer: "CN=Cilium CA",
    serial: "1",
    notBefore: "2026-01-01T00:00:00.000Z",
    notAfter: "2027-01-01T00:00:00.000Z",
  };
  const server = (over: Partial<HeldCertificate["certificate"]>): HeldCertificate => ({
    place: "Secret clustermesh-apiserver-server-cert",
    role: "server",
    certificate: { ...certificate, signers: ["west-ca"], names: ["*.mesh.cilium.io"], ...over },
  });
  const trusted = (key: string): HeldCertificate => ({
    place: "Secret cilium-kvstoremesh, ca.crt",
    role: "trusted",
    reader: "kvstoreMesh",
    peer: "west",
    certificate: { ...certificate, subject: "CN=Cilium CA", key, serial: key },
  });

  test("whose certificate has expired, by the time of the evidence", () => {
    const certificates = ok([server({ notAfter: "2026-11-20T00:00:00.000Z" })]);
    expect(causesOf(meshWith({}, { certificates }))).toMatchObject([
      {
        id: "certificate-expired",
        cluster: "west",
        message: expect.stringContaining(
          "the server certificate of clustermesh-apiserver of west (CN=x) expired at",
        ),
        next: expect.stringContaining("Secret clustermesh-apiserver-server-cert"),
      },
    ]);
    expect(
      causesOf(meshWith({}, { certificates, collectedMs: ok(Date.parse("2026-10-01T00:00:00Z")) })),
    ).toEqual([]);
  });

  test("another CA of the same name, and another name, if the connection is lost", () => {
    const ends = (ca: string, names: readonly string[]) =>
      cutOff({ certificates: ok([trusted(ca)]) }, { certificates: ok([server({ names: [...names] })]) });
    const ids = (ca: string, names: readonly string[]): (string | undefined)[] =>
      causesOf(ends(ca, names)).map((f) => f.id);
    expect(ids("east-ca", ["*.mesh.cilium.io"])[0]).toBe("certificate-untrusted");
    expect(ids("west-ca", ["west.example"])[0]).toBe("certificate-name");
    expect(ids("west-ca", ["*.mesh.cilium.io"])).not.toContain("certificate-untrusted");
    const connected = meshWith(
      { certificates: ok([trusted("east-ca")]) },
      { certificates: ok([server({})]) },
    );
    expect(causesOf(connected)).toEqual([]);
  });
});

describe("whom a cluster contacts", () => {
  test("an address and a port that are no longer the peer's, with the new ones", () => {
    const path = (ip: string) =>
      ok([
        {
          peer: "west",
          endpoints: [{ url: "https://west.mesh.cilium.io:32379", ips: [ip] }],
          trusted: [],
          client: [],
          presented: [],
        },
      ]);
    expect(causesOf(cutOff({ kvstoreMeshPaths: path("172.18.0.77") }))[0]).toMatchObject({
      id: "peer-address",
      message: expect.stringMatching(/contacts west at 172\.18\.0\.77, .* is at 172\.18\.0\.2 \(NodePort\)/),
    });
    expect(causesOf(cutOff({ kvstoreMeshPaths: path("172.18.0.2") })).map((f) => f.id)).not.toContain(
      "peer-address",
    );
    const peers = ok({
      agents: { west: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
      kvstoreMesh: { west: ["https://west.mesh.cilium.io:32380"] },
    });
    expect(causesOf(cutOff({ peers }))[0]?.message).toContain(
      "at port 32380; its clustermesh-apiserver listens at 32379",
    );
  });

  test("KVStoreMesh that is told of no peer, on both sides", () => {
    const alone = (peer: string) => ({
      peers: ok({
        agents: { [peer]: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
        kvstoreMesh: {},
      }),
      kvstoreMesh: ok([]),
    });
    expect(causesOf(meshWith(alone("west"), alone("east"))).map((f) => f.message)).toEqual([
      "KVStoreMesh of east has no entry for cluster west",
      "KVStoreMesh of west has no entry for cluster east",
    ]);
  });
});

describe("policies that shut off the control plane", () => {
  const network = (spec: Record<string, unknown>): PolicyObject => ({
    kind: "NetworkPolicy",
    namespace: "kube-system",
    name: "default-deny",
    specs: [spec],
  });
  const clusterwide = (spec: Record<string, unknown>): PolicyObject => ({
    kind: "CiliumClusterwideNetworkPolicy",
    namespace: "",
    name: "deny",
    specs: [spec],
  });
  const found = (...policies: readonly PolicyObject[]): (string | undefined)[] =>
    causesOf(meshWith({ policyObjects: ok([...policies]) })).map((f) => f.id);
  const app = { matchLabels: { "k8s-app": "clustermesh-apiserver" } };
  const shut = ["policy-shuts-off-apiserver"];

  test("a default deny of Kubernetes or Cilium, in kube-system or clusterwide", () => {
    expect(found(network({ podSelector: {}, policyTypes: ["Ingress"] }))).toEqual(shut);
    expect(
      found(
        network({ podSelector: app, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] }),
      ),
    ).toEqual(shut);
    expect(found(clusterwide({ endpointSelector: app, ingress: [{}] }))).toEqual(shut);
    expect(
      found(
        clusterwide({ endpointSelector: app, ingressDeny: [{ fromEntities: ["world", "remote-node"] }] }),
      ),
    ).toEqual(shut);
    expect(found(network({ podSelector: app, policyTypes: ["Egress"] }))).toEqual(shut);
  });

  test("what lets other clusters in, selects something else, or is not in force, does not", () => {
    const open = { podSelector: app, policyTypes: ["Ingress"] };
    expect(found(network({ ...open, ingress: [{}] }))).toEqual([]);
    expect(found(network({ ...open, ingress: [{ ports: [{ port: 2379 }] }] }))).toEqual([]);
    expect(found(network({ ...open, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] }))).toEqual(
      [],
    );
    expect(found(clusterwide({ endpointSelector: app, ingress: [{ fromEntities: ["world"] }] }))).toEqual([]);
    expect(
      found(
        network({ podSelector: {}, policyTypes: ["Ingress"] }),
        clusterwide({ endpointSelector: app, ingress: [{ fromEntities: ["all"] }] }),
      ),
    ).toEqual([]);
    expect(found(network({ podSelector: { matchLabels: { app: "x" } }, policyTypes: ["Ingress"] }))).toEqual(
      [],
    );
    expect(
      found(clusterwide({ endpointSelector: app, enableDefaultDeny: { ingress: false }, ingress: [{}] })),
    ).toEqual([]);
    const off = withSettings(east, { "enable-policy": "never" });
    const policyObjects = ok([network({ podSelector: {}, policyTypes: ["Ingress"] })]);
    expect(causesOf(meshWith({ config: off.config, policyObjects }))).toEqual([]);
  });

  test("a clusterwide policy that selects every endpoint shuts health off, unless one lets it through", () => {
    const all = clusterwide({
      endpointSelector: {},
      ingress: [{ fromEntities: ["world"] }, { fromEndpoints: [{ matchLabels: { a: "b" } }] }],
    });
    const none = clusterwide({
      endpointSelector: { matchLabels: { "reserved:health": "" } },
      ingress: [{ fromEntities: ["kube-apiserver"] }],
    });
    const health = clusterwide({
      endpointSelector: { matchLabels: { "reserved:health": "" } },
      ingress: [{ fromEntities: ["remote-node"] }],
    });
    expect(found(none)).toEqual(["policy-shuts-off-health"]);
    expect(found(all, health)).toEqual([]);
    expect(found(clusterwide({ endpointSelector: { matchLabels: { app: "x" } }, ingress: [{}] }))).toEqual(
      [],
    );
  });
});

describe("known defects", () => {
  const at = (version: string, over: Partial<ClusterSnapshot>): readonly string[] =>
    causesOf(meshWith({ ciliumVersion: ok(version), ...over }, { ciliumVersion: ok(version) }), defects).map(
      (f) => `${f.id} ${f.severity}: ${f.message}; ${f.next}`,
    );

  test("each defect of the list has what triggers it", () => {
    expect(defects.map((d) => d.id).filter((id) => !triggers.has(id))).toEqual([]);
    expect(causesOf(healthyMesh, defects)).toEqual([]);
  });

  test("a policy with an ipBlock, where the default is the local cluster, with the version that has the fix", () => {
    const policyObjects = ok([
      {
        kind: "NetworkPolicy" as const,
        namespace: "vault",
        name: "vpn-only",
        specs: [{ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "192.0.2.0/24" } }] }] }],
      },
    ]);
    const { config } = withSettings(east, { "policy-default-local-cluster": "true" });
    const found = at("1.19.4", { policyObjects, config });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      /^cilium-defect suspect: policy vault\/vpn-only of east .*CVE-2026-56743.*upgrade Cilium to 1\.19\.5/,
    );
    expect(at("1.19.7", { policyObjects, config })).toEqual([]);
    expect(at("1.19.4", { policyObjects })).toEqual([]);
  });

  test("affinity none as a literal", () => {
    const services = ok([
      service({ annotations: { "service.cilium.io/global": "true", "service.cilium.io/affinity": "none" } }),
    ]);
    expect(at("1.19.4", { services, endpoints: ok([]), pods: ok([]) })[0]).toMatch(
      /^cilium-defect broken: .*affinity "none"/,
    );
    expect(at("1.19.4", { services })[0]).toMatch(/^cilium-defect suspect/);
    expect(at("1.20.2", { services })).toEqual([]);
  });

  test("one replica of clustermesh-apiserver is not ready, and a peer cannot connect", () => {
    const replicas = [
      apiserverPod(1),
      apiserverPod(1, { name: "clustermesh-apiserver-6d5f-fghij", ready: false }),
    ];
    const { config } = east;
    const mesh = (ready: boolean) =>
      causesOf(
        meshWith(
          { pods: ok([pod({ ip: "10.1.0.5" }), ...replicas]), config },
          { kvstoreMesh: ok([remote("east", 1, ready)]) },
        ),
        defects,
      ).map((f) => `${f.id}: ${f.message}`);
    expect(mesh(false).find((m) => m.startsWith("apiserver-affinity-not-ready"))).toContain(
      "clustermesh-apiserver-6d5f-fghij of east is not ready while another replica is, and west cannot connect",
    );
    expect(mesh(true).some((m) => m.startsWith("apiserver-affinity-not-ready"))).toBe(false);
  });
});

test("each kind of finding has its page, and every text of it says something", () => {
  for (const [id, kind] of findingKinds) {
    const page = readFileSync(join(pages, `${id}.md`), "utf8");
    for (const text of [kind.meaning, kind.confirm, kind.remedy]) {
      expect(text.length, id).toBeGreaterThan(20);
      expect(page).toContain(text.replaceAll("<", "&lt;"));
    }
  }
});

import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { clientCertificate, labCa, serverCertificate } from "../ca.ts";
import { apiserverPort } from "../helm-values.ts";
import type { MeshInstaller, Profile } from "../mesh-installer.ts";

/** kubeadm's etcd uses 2379 and 2380 of the control plane node. */
const clientPort = 2479;
const peerPort = 2480;
const etcdName = "cilium-etcd";
/** The names of the guide; the chart mounts the first secret into agents and operator. */
const clientSecret = "cilium-etcd-secrets";
const externalService = "cilium-etcd-external";
const domain = "mesh.cilium.io";
const mountedAt = "/var/lib/cilium/clustermesh";

/** Where a cluster's etcd is found. */
export const externalEtcd = {
  /** The secret with the server's certificate. */
  server: `${etcdName}-server`,
  selector: `app=etcd,etcd_cluster=${etcdName}`,
  /** The name of its CA in the lab. */
  ca: (cluster: string): string => `etcd-${cluster}`,
} as const;

/**
 * Cilium 1.2's and 1.6's guides (seeds 002 and 003). Each cluster keeps identities, addresses, nodes and services in
 * its own etcd, which a service exposes. The other clusters reach it by the name `{cluster}.mesh.cilium.io`, which
 * the agents' hostAliases resolve, with certificates copied from its cluster. One secret holds every cluster's entry.
 * There is no clustermesh-apiserver and no KVStoreMesh. Differs from the guides in one point: the lab deploys etcd
 * itself, because cilium-etcd-operator was removed in Cilium 1.10.
 */
export const externalEtcdProfile: Profile = {
  async mesh(installer) {
    const { clusters, progress } = installer;
    await progress.step(
      "deploy an etcd in each cluster, expose it as a service, and install Cilium with it as kvstore",
      () =>
        Promise.all(
          clusters.map(async (cluster) => {
            const address = await startEtcd(installer, cluster);
            await installer.begin(cluster, {
              identityAllocationMode: "kvstore",
              etcd: { enabled: true, ssl: true, endpoints: [`https://${address}:${clientPort}`] },
            });
            await installer.podsReady(cluster);
          }),
        ),
      { expectMs: 75_000 },
    );
    await progress.step(
      "copy every cluster's certificates and address to every cluster; restart agents and operators",
      async () => {
        const entries = await Promise.all(clusters.map((c) => entryOf(installer, c)));
        await Promise.all(clusters.map((c) => connect(installer, c, entries)));
      },
      { expectMs: 45_000 },
    );
  },
};

/** Where agents of its own cluster reach it: on the control plane node, because it must run before the CNI does. */
async function startEtcd(installer: MeshInstaller, cluster: Cluster): Promise<string> {
  const { kube } = cluster;
  const node = await cluster.controlPlane();
  const ca = await labCa(installer.plan.lab, externalEtcd.ca(cluster.name));
  const valid = { fromMs: Date.now() - 3_600_000, untilMs: Date.now() + 365 * 86_400_000 };
  const names = { ips: [node.address, "127.0.0.1"], dns: [`*.${domain}`] };
  const server = await serverCertificate(ca, `${cluster.name}.${domain}`, names, valid);
  const client = await clientCertificate(ca, "cilium", valid);
  await kube.apply(
    secretObject(externalEtcd.server, { "ca.crt": ca.cert, "tls.crt": server.cert, "tls.key": server.key }),
  );
  await kube.apply(
    secretObject(clientSecret, {
      "etcd-client-ca.crt": ca.cert,
      "etcd-client.crt": client.cert,
      "etcd-client.key": client.key,
    }),
  );
  const [kubeadmEtcd] = await kube.list(kinds.pod, "kube-system", "component=etcd");
  const image = kubeadmEtcd?.spec.containers[0].image as string | undefined;
  if (image === undefined)
    throw new MeshproofError(
      "mesh-not-ready",
      `${cluster.name} has no kubeadm etcd whose image could be used`,
    );
  await kube.apply(etcdDeployment(image, node.address));
  await kube.apply(etcdService(installer.block(cluster).apiserver));
  await installer.deploymentReady(cluster, etcdName);
  return node.address;
}

/**
 * The name, the address and the keys by which the other clusters reach a cluster's etcd, all read from that cluster.
 */
interface Entry {
  readonly cluster: string;
  readonly ip: string;
  /** Base64. */
  readonly files: Readonly<Record<string, string>>;
}

async function entryOf(installer: MeshInstaller, cluster: Cluster): Promise<Entry> {
  const keys = ["etcd-client-ca.crt", "etcd-client.crt", "etcd-client.key"] as const;
  const secret = await installer.secret(cluster, clientSecret, keys);
  const config = [
    "endpoints:",
    `- https://${cluster.name}.${domain}:${apiserverPort.LoadBalancer}`,
    `trusted-ca-file: ${mountedAt}/${cluster.name}.etcd-client-ca.crt`,
    `cert-file: ${mountedAt}/${cluster.name}.etcd-client.crt`,
    `key-file: ${mountedAt}/${cluster.name}.etcd-client.key`,
    "",
  ].join("\n");
  return {
    cluster: cluster.name,
    ip: await installer.externalIp(cluster, externalService),
    files: {
      [cluster.name]: Buffer.from(config).toString("base64"),
      ...Object.fromEntries(keys.map((k) => [`${cluster.name}.${k}`, secret[k]])),
    },
  };
}

async function connect(installer: MeshInstaller, cluster: Cluster, entries: readonly Entry[]): Promise<void> {
  const { kube } = cluster;
  await kube.apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "cilium-clustermesh", namespace: "kube-system" },
    data: Object.assign({}, ...entries.map((e) => e.files)) as Record<string, string>,
  });
  const restarted = { metadata: { annotations: { "io.meshproof/restarted": wallLabel() } } };
  const hostAliases = entries.map((e) => ({ ip: e.ip, hostnames: [`${e.cluster}.${domain}`] }));
  await kube.merge(kinds.daemonSet, "kube-system", "cilium", {
    spec: { template: { ...restarted, spec: { hostAliases } } },
  });
  await installer.agentsReady(cluster);
  await kube.merge(kinds.deployment, "kube-system", "cilium-operator", { spec: { template: restarted } });
  await installer.deploymentReady(cluster, "cilium-operator");
}

function secretObject(name: string, entries: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "kube-system" },
    data: Object.fromEntries(
      Object.entries(entries).map(([k, text]) => [k, Buffer.from(text).toString("base64")]),
    ),
  };
}

const labels = { app: "etcd", etcd_cluster: etcdName };

function etcdDeployment(image: string, address: string): KubeObject {
  const url = `https://${address}:${clientPort}`;
  const tls = "/etc/etcd-tls";
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: etcdName, namespace: "kube-system" },
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          nodeSelector: { "node-role.kubernetes.io/control-plane": "" },
          tolerations: tolerateAll,
          priorityClassName: "system-cluster-critical",
          containers: [
            {
              name: "etcd",
              image,
              imagePullPolicy: "IfNotPresent",
              command: ["/usr/local/bin/etcd"],
              args: [
                `--name=${etcdName}`,
                "--data-dir=/var/lib/etcd-data",
                `--listen-client-urls=https://0.0.0.0:${clientPort}`,
                `--advertise-client-urls=${url}`,
                `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
                `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
                `--initial-cluster=${etcdName}=http://127.0.0.1:${peerPort}`,
                `--cert-file=${tls}/tls.crt`,
                `--key-file=${tls}/tls.key`,
                `--trusted-ca-file=${tls}/ca.crt`,
                "--client-cert-auth",
                "--auto-compaction-retention=1",
              ],
              ports: [{ containerPort: clientPort }],
              readinessProbe: { tcpSocket: { port: clientPort }, periodSeconds: 1 },
              volumeMounts: [
                { name: "tls", mountPath: tls, readOnly: true },
                { name: "data", mountPath: "/var/lib/etcd-data" },
              ],
            },
          ],
          volumes: [
            { name: "tls", secret: { secretName: externalEtcd.server } },
            { name: "data", emptyDir: {} },
          ],
        },
      },
    },
  };
}

/** A fixed address, as the guide recommends, so that the name mapping does not change with the service. */
function etcdService(ip: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: externalService,
      namespace: "kube-system",
      annotations: { "lbipam.cilium.io/ips": ip },
    },
    spec: {
      type: "LoadBalancer",
      selector: labels,
      ports: [{ name: "etcd", port: apiserverPort.LoadBalancer, targetPort: clientPort }],
    },
  };
}

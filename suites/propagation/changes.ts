import type { Cluster } from "#harness/cluster/cluster.ts";
import { ghostAddress } from "#harness/faults/catalogue/ghost.ts";
import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Scope } from "#harness/lib/scope.ts";
import type { Flow, FlowTarget } from "#harness/measure/node-traffic.ts";
import type { Step } from "#harness/measure/propagation.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { echoHttpPort, echoService } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { policyObject } from "#harness/workloads/policy-workload.ts";
import { clientLabels } from "#harness/workloads/vantage.ts";

export interface ServerPod {
  readonly name: string;
  readonly ip: string;
  readonly node: string;
}

export interface ChangeContext {
  /** The cluster that changes, and the cluster of the clients. */
  readonly from: Cluster;
  readonly to: Cluster;
  readonly echo: EchoBackends;
  readonly namespace: string;
  /** The two backends of `from`. */
  readonly servers: readonly [ServerPod, ServerPod];
  /** Undoes what a change prepares. */
  readonly scope: Scope;
  readonly signal: AbortSignal;
}

/** A change that is made and undone in turn. */
export interface Change {
  readonly kind: KindRef;
  readonly steps: readonly Step[];
  readonly targets: (nodeIndex: number) => readonly FlowTarget[];
  /** The object that changes, for messages. */
  readonly object: string;
  /** What the change itself takes by Cilium's configuration, beyond its propagation. */
  readonly graceMs?: number;
}

const policyCluster = "io.cilium.k8s.policy.cluster";
const podTarget = (name: string, pod: ServerPod): FlowTarget => ({ name, host: pod.ip, port: echoHttpPort });
const described = (pods: readonly ServerPod[]): string =>
  pods.map((p) => `pod ${p.name} (${p.ip}) on node ${p.node}`).join(" and ");
const nobody = (): readonly string[] => [];

/**
 * Clients reach pods of the other cluster with some labels, and nothing else. So that traffic shows what their agent knows
 * of an address: without an entry for it, packets still find the pod by its node's CIDR.
 */
async function allowOnly(
  { from, to, namespace, scope }: ChangeContext,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const name = `only-${Object.values(labels).join("-")}`;
  scope.defer(`policy ${name}`, () => to.kube.remove(kinds.ciliumNetworkPolicy, namespace, name));
  await to.kube.apply(
    policyObject(namespace, name, {
      endpointSelector: { matchLabels: clientLabels },
      egress: [{ toEndpoints: [{ matchLabels: { ...labels, [policyCluster]: from.name } }] }],
    }),
  );
}

/**
 * The address of a running pod is withdrawn from its CiliumEndpoint, and announced again: what an agent does for a pod
 * that ends or starts, without the time that the pod itself needs. The agent does not notice, because it compares its own
 * data only (pkg/endpointmanager/endpointsynchronizer.go).
 */
export async function endpointChange(ctx: ChangeContext): Promise<Change> {
  const { from, namespace, servers, scope, echo } = ctx;
  const [pod] = servers;
  const endpoint = found(
    await from.kube.get(kinds.ciliumEndpoint, namespace, pod.name),
    `CiliumEndpoint ${namespace}/${pod.name} in ${from.name}`,
  );
  const addressing = endpoint.status.networking.addressing as readonly Record<string, string>[];
  const announce = (ipv4: string): Promise<KubeObject> =>
    from.kube.merge(kinds.ciliumEndpoint, namespace, pod.name, {
      status: { networking: { addressing: [{ ...addressing[0], ipv4 }, ...addressing.slice(1)] } },
    });
  scope.defer("CiliumEndpoint", async () => void (await announce(pod.ip)));
  await allowOnly(ctx, { app: echo.deploymentOf(from) });
  return {
    kind: kinds.ciliumEndpoint,
    object: `CiliumEndpoint ${pod.name} (${pod.ip}) on node ${pod.node}`,
    targets: () => [podTarget("endpoint", pod)],
    steps: [
      {
        ends: "endpoint removed: last answer",
        write: () => announce(ghostAddress(from, 40)),
        answeredBy: nobody,
      },
      { starts: "endpoint added: first answer", write: () => announce(pod.ip), answeredBy: () => [pod.name] },
    ],
  };
}

/** A label of a pod gives it a new identity, which a policy in the clients' cluster selects or not. */
export async function identityChange(ctx: ChangeContext): Promise<Change> {
  const { from, namespace, servers, scope, signal } = ctx;
  const [pod] = servers;
  // A label of the round too, so that every change allocates a new identity.
  const label = (color: string | null, round: string | null): Promise<KubeObject> =>
    from.kube.merge(kinds.pod, namespace, pod.name, { metadata: { labels: { color, round } } });
  // By its labels: two agents that ask for an identity at once may make two of the same labels, and the pod may come back
  // to the other one.
  const identity = async (): Promise<string | undefined> => {
    const endpoint = await from.kube.get(kinds.ciliumEndpoint, namespace, pod.name);
    const labels = endpoint?.status?.identity?.labels as readonly string[] | undefined;
    return labels?.toSorted().join(" ");
  };
  const graceMs = await identityGraceMs(from);
  const first = found(await identity(), `identity of ${described([pod])}`);
  scope.defer("labels", async () => {
    await label(null, null);
    // Until then the agent defers all that changes for the pod, policies too.
    await eventually(async () => ((await identity()) === first ? ready(undefined) : notYet("another one")), {
      what: `pod ${pod.name} of ${from.name} to have its first identity again`,
      withinMs: graceMs + preparedWithinMs,
      everyMs: 500,
      signal,
    });
  });
  await label("blue", "0");
  await allowOnly(ctx, { color: "blue" });
  return {
    kind: kinds.pod,
    object: `identity of ${described([pod])}`,
    graceMs,
    targets: () => [podTarget("identity", pod)],
    steps: [
      {
        ends: "identity changed: last packet that the old one allows",
        write: (round) => label("red", String(round)),
        answeredBy: nobody,
      },
      {
        starts: "identity changed: first packet that the new one allows",
        write: (round) => label("blue", String(round)),
        answeredBy: () => [pod.name],
      },
    ],
  };
}

/**
 * The longest time until a pod has the identity of its new labels: the agent begins after a random delay of up to
 * `cilium-identity-max-jitter`, and waits before it uses the identity, so that the others learn it first (pkg/endpoint).
 */
async function identityGraceMs(cluster: Cluster): Promise<number> {
  const of = async (key: string, fallbackMs: number): Promise<number> => {
    const value = await cluster.setting(key);
    return value === undefined ? fallbackMs : (durationMs(value) ?? fallbackMs);
  };
  return (await of("identity-change-grace-period", 5000)) + (await of("cilium-identity-max-jitter", 30_000));
}

/** A policy of the servers' cluster allows the clients of the other; clients take the servers' nodes in turn. */
export async function policyChange(ctx: ChangeContext): Promise<Change> {
  const { from, to, namespace, servers, scope, echo } = ctx;
  const endpointSelector = { matchLabels: { app: echo.deploymentOf(from) } };
  const name = (round: number): string => `allow-${round}`;
  const remove = (policy: string): Promise<void> =>
    from.kube.remove(kinds.ciliumNetworkPolicy, namespace, policy);
  scope.defer("policies", async () => {
    for (const { metadata } of await from.kube.list(kinds.ciliumNetworkPolicy, namespace))
      await remove(metadata.name);
  });
  await from.kube.apply(
    policyObject(namespace, "nobody", {
      endpointSelector,
      ingress: [{ fromEndpoints: [{ matchLabels: { app: "nobody" } }] }],
    }),
  );
  const serverOf = (nodeIndex: number): ServerPod => servers[nodeIndex % 2 === 0 ? 0 : 1];
  const target = (pod: ServerPod): FlowTarget => podTarget(`policy of ${pod.name}`, pod);
  return {
    kind: kinds.ciliumNetworkPolicy,
    object: `policy of ${described(servers)}`,
    targets: (nodeIndex) => [target(serverOf(nodeIndex))],
    steps: [
      {
        starts: "policy added: first allowed packet",
        write: (round) =>
          from.kube.apply(
            policyObject(namespace, name(round), {
              endpointSelector,
              ingress: [{ fromEndpoints: [{ matchLabels: { ...clientLabels, [policyCluster]: to.name } }] }],
            }),
          ),
        answeredBy: (flow: Flow) => servers.filter((s) => s.ip === flow.target.host).map((s) => s.name),
      },
      {
        ends: "policy removed: last forwarded packet",
        write: async (round) => {
          await remove(name(round));
          return undefined;
        },
        answeredBy: nobody,
      },
    ],
  };
}

/** A service of the clients' cluster without backends of its own; returns how its clients reach it. */
async function globalServiceOf({ to, namespace, scope }: ChangeContext, name: string): Promise<FlowTarget> {
  scope.defer(`service ${name}`, () => to.kube.remove(kinds.service, namespace, name));
  const service = await to.kube.apply(
    echoService({
      namespace,
      name,
      selector: { app: "nobody" },
      annotations: { [annotation.global]: "true" },
    }),
  );
  return { name, host: String(service.spec.clusterIP), port: 80 };
}

/** A service becomes global, and is made local again. */
export async function serviceChange(ctx: ChangeContext): Promise<Change> {
  const { from, namespace, echo, servers, scope } = ctx;
  const name = `service-of-${from.name}`;
  const target = await globalServiceOf(ctx, name);
  scope.defer(`service ${name} of ${from.name}`, () => from.kube.remove(kinds.service, namespace, name));
  await from.kube.apply(
    echoService({ namespace, name, selector: { app: echo.deploymentOf(from) }, annotations: {} }),
  );
  const global = (value: string | null): Promise<KubeObject> =>
    from.kube.merge(kinds.service, namespace, name, {
      metadata: { annotations: { [annotation.global]: value } },
    });
  return {
    kind: kinds.service,
    object: `service ${name} (${target.host}:80) of ${described(servers)}`,
    targets: () => [target],
    steps: [
      {
        starts: "service made global: first answer",
        write: () => global("true"),
        answeredBy: () => servers.map((s) => s.name),
      },
      { ends: "service made local: last answer", write: () => global(null), answeredBy: nobody },
    ],
  };
}

/** A service without a selector, whose EndpointSlice is written by hand: no controller of Kubernetes takes part. */
export async function backendChange(ctx: ChangeContext): Promise<Change> {
  const { from, namespace, servers, scope } = ctx;
  const name = `backends-of-${from.name}`;
  const target = await globalServiceOf(ctx, name);
  const { kube } = from;
  scope.defer(`service ${name} of ${from.name}`, async () => {
    await kube.remove(kinds.endpointSlice, namespace, name);
    await kube.remove(kinds.service, namespace, name);
  });
  await kube.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, annotations: { [annotation.global]: "true" } },
    spec: { ports: [{ name: "http", port: 80, targetPort: echoHttpPort, protocol: "TCP" }] },
  });
  const endpoints = (pod: ServerPod) => [{ addresses: [pod.ip], conditions: { ready: true } }];
  const [one, other] = servers;
  await kube.apply({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace,
      labels: {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "meshproof",
      },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port: echoHttpPort, protocol: "TCP" }],
    endpoints: endpoints(one),
  });
  const replacedBy = (pod: ServerPod): Step => ({
    starts: "backend replaced: first answer of the new one",
    ends: "backend replaced: last answer of the previous one",
    write: () => kube.merge(kinds.endpointSlice, namespace, name, { endpoints: endpoints(pod) }),
    answeredBy: () => [pod.name],
  });
  return {
    kind: kinds.endpointSlice,
    object: `EndpointSlice of service ${name} (${target.host}:80), ${described(servers)}`,
    targets: () => [target],
    steps: [replacedBy(other), replacedBy(one)],
  };
}

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { startCause } from "#harness/semantics/pod-start.ts";
import { collectedFields, collectedObject } from "./collected-fields.ts";
import { collectEvidence } from "./evidence.ts";
import { snapshotOf } from "./snapshot.ts";

const whole = { namespaces: new Set(["kube-system", "mp-affinity-4fa2c1"]) };

/** A pod as an API server returns it, with private fields. */
const pod = (namespace: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "shop-6d5f-abcde",
    namespace,
    labels: { app: "shop" },
    annotations: {
      "policy.cilium.io/proxy-visibility": "kept",
      "cilium.io/x": "kept",
      "io.cilium/global-service": "kept",
      "multicluster.kubernetes.io/derived-service": "kept",
      "kubectl.kubernetes.io/last-applied-configuration": "private",
      "example.com/owner": "private",
      "evil-cilium.io/x": "private",
      "example.com.cilium.io.example.com/x": "private",
      "no-group": "private",
    },
    managedFields: [{ manager: "private" }],
    ownerReferences: [{ name: "private" }],
  } as KubeObject["metadata"],
  spec: {
    nodeName: "worker",
    hostNetwork: false,
    serviceAccountName: "private",
    imagePullSecrets: [{ name: "private" }],
    containers: [
      {
        name: "private",
        image: "private",
        args: ["private"],
        env: [{ name: "private", value: "private" }],
        livenessProbe: { httpGet: { httpHeaders: [{ name: "private", value: "private" }] } },
        ports: [{ name: "http", containerPort: 8080, protocol: "TCP", hostIP: "private" }],
      },
    ],
    initContainers: [
      { name: "private", image: "private", restartPolicy: "Always", ports: [{ containerPort: 9090 }] },
    ],
    volumes: [{ name: "private" }],
  },
  status: {
    phase: "Running",
    podIP: "10.1.0.7",
    podIPs: [{ ip: "10.1.0.7" }],
    conditions: [{ type: "Ready", status: "True", message: "private" }],
    containerStatuses: [{ name: "private", ready: true, imageID: "private" }],
    message: "private",
  },
});

const serviceOf = (namespace: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "shop", namespace, annotations: { "service.cilium.io/global": "true" } },
  spec: {
    type: "LoadBalancer",
    clusterIP: "10.11.0.9",
    selector: { app: "shop" },
    ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: "http", nodePort: 30080 }],
    externalName: "private",
    loadBalancerSourceRanges: ["private"],
  },
  status: { loadBalancer: { ingress: [{ ip: "172.18.255.1", hostname: "private" }] } },
});

test("of a pod of other users only its name, labels, node, ports, address and readiness are kept", () => {
  expect(collectedObject("pods", pod("shop"), whole)).toEqual({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "shop-6d5f-abcde",
      namespace: "shop",
      labels: { app: "shop" },
      annotations: {
        "policy.cilium.io/proxy-visibility": "kept",
        "cilium.io/x": "kept",
        "io.cilium/global-service": "kept",
        "multicluster.kubernetes.io/derived-service": "kept",
      },
    },
    spec: {
      nodeName: "worker",
      hostNetwork: false,
      containers: [{ ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }] }],
      initContainers: [{ restartPolicy: "Always", ports: [{ containerPort: 9090 }] }],
    },
    status: {
      phase: "Running",
      podIP: "10.1.0.7",
      podIPs: [{ ip: "10.1.0.7" }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
});

test("of a service of other users its ports, addresses and selector are kept", () => {
  const kept = collectedObject("services", serviceOf("shop"), whole);
  expect(JSON.stringify(kept)).not.toContain("private");
  expect(kept?.spec.ports).toEqual(serviceOf("shop").spec.ports);
  expect(kept?.spec.selector).toEqual({ app: "shop" });
});

test("policies are kept without their status and annotations of other tools", () => {
  const spec = { endpointSelector: {}, ingress: [{ fromEndpoints: [{ matchLabels: { app: "a" } }] }] };
  const policy = {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name: "p", namespace: "shop", annotations: { a: "private" } },
    spec,
    specs: [spec],
    status: { conditions: [{ message: "private" }] },
  };
  expect(collectedObject("ciliumnetworkpolicies", policy, whole)).toEqual({
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name: "p", namespace: "shop", annotations: {} },
    spec,
    specs: [spec],
  });
});

test("objects of Cilium and Meshproof are kept, without managedFields and kubectl's copy", () => {
  for (const namespace of whole.namespaces) {
    const kept = collectedObject("pods", pod(namespace), whole);
    expect(kept?.spec).toEqual(pod(namespace).spec);
    expect(kept?.metadata.annotations).not.toHaveProperty("kubectl.kubernetes.io/last-applied-configuration");
    expect(kept?.metadata.annotations).toHaveProperty("no-group");
    expect(kept?.metadata).not.toHaveProperty("managedFields");
  }
  const event = {
    apiVersion: "v1",
    kind: "Event",
    message: "m",
    metadata: { name: "e", namespace: "kube-system" },
  };
  expect(collectedObject("events", event, whole)).toEqual(event);
});

test("events of other users, and unlisted kinds, are not kept", () => {
  for (const plural of ["events", "secrets", "configmaps", "constructor", "__proto__"])
    expect(collectedObject(plural, pod("shop"), whole)).toBeUndefined();
});

test("of a warning of other users only the words that name a missing object are kept", () => {
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e", namespace: "shop", annotations: { a: "private" } },
    type: "Warning",
    reason: "FailedMount",
    message: 'MountVolume.SetUp failed for volume "private" : secret "db" not found',
    source: { host: "private" },
    involvedObject: { kind: "Pod", name: "shop-1", namespace: "shop", uid: "private" },
    lastTimestamp: "2026-11-21T09:24:42Z",
  };
  const kept = collectedObject("events", event, whole);
  expect(JSON.stringify(kept)).not.toContain("private");
  expect(kept).toMatchObject({ reason: "FailedMount", message: 'secret "db" not found' });
  expect(collectedObject("events", { ...event, message: "Error: private" }, whole)).toBeUndefined();
});

test.each([
  [
    'Error creating: Internal error occurred: failed calling webhook "a.b.c": failed to call webhook: Post "https://private.private.svc:443/": private',
    'failed calling webhook "a.b.c"',
  ],
  [
    'Error creating: admission webhook "a.b.c" denied the request: private',
    'admission webhook "a.b.c" denied the request',
  ],
  [
    'Error creating: pods "private" is forbidden: exceeded quota: small, requested: pods=1, used: private, limited: private',
    "exceeded quota: small, requested: pods=1, used:",
  ],
  [
    'Error creating: pods "private" is forbidden: violates PodSecurity "restricted:latest": private',
    'violates PodSecurity "restricted:latest"',
  ],
])("of a pod that is refused what refuses it: %s", (message, kept) => {
  const event = {
    ...{ apiVersion: "v1", kind: "Event", metadata: { name: "e", namespace: "shop" } },
    ...{ type: "Warning", reason: "FailedCreate", message },
    involvedObject: { kind: "ReplicaSet", name: "shop-6d5f", namespace: "shop" },
  };
  expect(collectedObject("events", event, whole)?.message).toBe(kept);
  expect(startCause(kept)).toBeDefined();
});

test("a node's images, annotations and messages are not kept", () => {
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "worker", labels: { zone: "a" }, annotations: { "csi.example.com/id": "private" } },
    spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.0/24"], providerID: "private" },
    status: {
      addresses: [{ type: "InternalIP", address: "172.18.0.3" }],
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "private" }],
      images: [{ names: ["private"] }],
      nodeInfo: { machineID: "private" },
    },
  };
  const kept = collectedObject("nodes", node, whole);
  expect(JSON.stringify(kept)).not.toContain("private");
  expect(kept?.status.conditions).toEqual([{ type: "Ready", status: "True", reason: "KubeletReady" }]);
});

test("what kubelet says is wrong with a node is kept, and why a namespace is not deleted", () => {
  const down = { type: "Ready", status: "False", reason: "KubeletNotReady", message: "runtime is down" };
  const other = { type: "KernelDeadlock", status: "True", reason: "DockerHung" };
  const node = {
    ...{ apiVersion: "v1", kind: "Node", metadata: { name: "worker" } },
    status: { conditions: [{ ...other, message: "private" }, down] },
  };
  expect(collectedObject("nodes", node, whole)?.status.conditions).toEqual([other, down]);
  const stuck = {
    ...{ type: "NamespaceDeletionDiscoveryFailure", status: "True", reason: "DiscoveryFailed" },
    message: "Discovery failed for some groups",
  };
  const deletionTimestamp = "2026-11-28T16:00:00Z";
  const namespace = {
    ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", deletionTimestamp } },
    ...{ spec: { finalizers: ["private"] }, status: { phase: "Terminating", conditions: [stuck] } },
  };
  const kept = collectedObject("namespaces", namespace, whole);
  expect(kept).toMatchObject({ metadata: { deletionTimestamp }, status: { conditions: [stuck] } });
  expect(JSON.stringify(kept)).not.toContain("private");
});

test("of an admission webhook its service, its rules and its policy are kept", () => {
  const service = { namespace: "kyverno", name: "kyverno-svc" };
  const rule = { apiGroups: ["cilium.io"], resources: ["*"], operations: ["CREATE"] };
  const webhook = { name: "a.b.c", failurePolicy: "Fail" };
  const configuration = {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration" },
    metadata: { name: "kyverno" },
    webhooks: [
      {
        ...{ ...webhook, namespaceSelector: { matchLabels: { a: "private" } } },
        clientConfig: { service: { ...service, path: "/private" }, caBundle: "private" },
        rules: [{ ...rule, apiVersions: ["private"] }],
      },
    ],
  };
  const kept = collectedObject("validatingwebhookconfigurations", configuration, whole);
  expect(kept?.webhooks).toEqual([{ ...webhook, clientConfig: { service }, rules: [rule] }]);
});

const anywhere = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant("planted-value"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("name", "env", "value", "items", "x", "status", "ports"), tie("value"), {
      maxKeys: 4,
    }),
  ),
}));

test("no other field is kept, and no object in the place of a value", () => {
  const plurals = Object.keys(collectedFields);
  const leafs = new Set(
    plurals.flatMap((p) => (collectedFields[p] ?? []).map((f) => f.replace(/\[\]/g, ""))),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...plurals),
      fc.dictionary(fc.stringMatching(/^[a-zA-Z]{3,12}$/), anywhere.value),
      (plural, extra) => {
        const unlisted = Object.fromEntries(
          Object.entries(extra).filter(
            ([k]) =>
              ![...leafs].some((l) => l.split(".").includes(k)) &&
              k !== "metadata" &&
              k !== "kind" &&
              k !== "apiVersion",
          ),
        );
        const object = {
          ...unlisted,
          apiVersion: "v1",
          kind: "X",
          metadata: { ...unlisted, name: "n", namespace: "shop" },
          spec: plural.endsWith("policies")
            ? {}
            : {
                ...unlisted,
                ports: [{ ...unlisted, port: 1 }],
                type: unlisted,
                nodeName: unlisted,
                clusterIP: [unlisted],
              },
          status: { ...unlisted, conditions: [{ ...unlisted, type: "Ready" }], podIP: unlisted },
          endpoints: [{ ...unlisted, addresses: ["10.0.0.1", unlisted] }],
        };
        expect(JSON.stringify(collectedObject(plural, object, whole))).not.toContain("planted-value");
      },
    ),
  );
});

test("the evidence of a mesh holds no private fields, and all that diagnosis needs", async () => {
  const lists: Record<string, KubeObject[]> = {
    namespaces: [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
      namespaceObject("mp-own"),
    ],
    daemonsets: [
      {
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        metadata: { name: "cilium", namespace: "networking", labels: { "k8s-app": "cilium" } },
      },
    ],
    pods: [
      pod("shop"),
      pod("kube-system"),
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "own", namespace: "mp-own" },
        spec: { containers: [{ env: [{ name: "OWN", value: "stays" }] }] },
      },
    ],
    services: [serviceOf("shop")],
    events: [
      { apiVersion: "v1", kind: "Event", metadata: { name: "e", namespace: "shop" }, message: "private" },
    ],
    deployments: [
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "shop", namespace: "shop" },
        spec: { replicas: 0, template: pod("shop") },
        status: {},
      },
    ],
    endpointslices: [
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: "shop-1", namespace: "shop", labels: { "kubernetes.io/service-name": "shop" } },
        endpoints: [{ addresses: ["10.1.0.7"], conditions: { ready: true }, targetRef: { name: "private" } }],
      },
    ],
  };
  const kube = {
    list: async (kind: { plural: string }) => lists[kind.plural] ?? [],
    get: async () => undefined,
    logs: async () => "private",
  };
  const cluster = {
    name: "east",
    kube,
    agents: async () => [],
    nodes: async () => [],
    capabilities: { hasKvstoreMesh: false },
  };
  const evidence = await collectEvidence({ clusters: [cluster] } as unknown as Mesh, { logs: true });
  const files = [...(evidence.get("east") ?? [])];
  expect(files.filter(([, text]) => text.includes("private")).map(([name]) => name)).toEqual([]);
  expect(evidence.get("east")?.get("pods.json")).toContain("stays");
  const [east] = snapshotOf(evidence).clusters;
  expect(east?.pods).toMatchObject({
    value: [{ ip: "10.1.0.7", node: "worker", ready: true, labels: { app: "shop" } }, {}, {}],
  });
  expect(east?.services).toMatchObject({
    value: [
      {
        type: "LoadBalancer",
        loadBalancerIp: "172.18.255.1",
        selector: { app: "shop" },
        outerPorts: [30080, 80],
      },
    ],
  });
  expect(east?.endpoints).toMatchObject({ value: [{ service: "shop", ip: "10.1.0.7", ready: true }] });
  expect(east?.workloads).toMatchObject({ value: [{ name: "shop", desired: 0 }, { name: "cilium" }] });
});

import { expect, test } from "vitest";
import { podState, serviceState } from "./object-states.ts";

test("how a container ended last, also while it waits to start again", () => {
  const states = [
    {
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { reason: "OOMKilled", exitCode: 137 } },
    },
    { state: { terminated: { reason: "Error", exitCode: 1 } }, lastState: { terminated: { exitCode: 137 } } },
    { state: { running: {} } },
  ].map((s) => ({ name: "etcd", ready: false, restartCount: 1, ...s }));
  const pod = podState({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {} },
    status: { containerStatuses: states },
  });
  expect(pod.containers.map((c) => [c.trouble, c.ended])).toEqual([
    ["CrashLoopBackOff", { reason: "OOMKilled", code: 137 }],
    ["Error", { reason: "Error", code: 1 }],
    ["", undefined],
  ]);
});

test("when a container ended, and its memory limit: in force, or of its specification", () => {
  const finishedAt = "2026-11-21T09:56:18Z";
  const resources = (memory: string) => ({ limits: { memory }, requests: { memory } });
  const status = (name: string, more: object) => ({ name, ready: true, restartCount: 9, state: {}, ...more });
  const pod = podState({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p" } },
    spec: {
      containers: [
        { name: "etcd", resources: resources("32Mi") },
        { name: "apiserver", resources: resources("1Gi") },
        { name: "kvstoremesh", resources: {} },
      ],
    },
    status: {
      containerStatuses: [
        status("etcd", {
          lastState: { terminated: { reason: "OOMKilled", exitCode: 137, finishedAt } },
          resources: resources("64Mi"),
        }),
        status("apiserver", {}),
        status("kvstoremesh", { resources: {} }),
      ],
    },
  });
  expect(pod.containers.map((c) => [c.ended, c.memoryLimit])).toEqual([
    [{ reason: "OOMKilled", code: 137, atMs: Date.parse(finishedAt) }, "64Mi"],
    [undefined, "1Gi"],
    [undefined, undefined],
  ]);
});

test("the addresses of a service are all at which its own cluster serves it", () => {
  const object = (spec: object, ingress: readonly object[] = []) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "shop" },
    spec,
    status: { loadBalancer: { ingress } },
  });
  expect(
    serviceState(
      object(
        { clusterIP: "10.11.0.9", clusterIPs: ["10.11.0.9", "fd00::9"], externalIPs: ["172.18.255.7"] },
        [{ ip: "172.18.255.8" }, { hostname: "lb.example" }],
      ),
    ).addresses,
  ).toEqual(["10.11.0.9", "fd00::9", "172.18.255.8", "172.18.255.7"]);
  expect(serviceState(object({ clusterIP: "None" })).addresses).toEqual([]);
});

test("ports that containers and sidecars declare; of evidence without containers they are not known", () => {
  const of = (spec: object) =>
    podState({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec, status: {} }).ports;
  expect(
    of({
      containers: [
        { name: "a", ports: [{ name: "web", containerPort: 8080, protocol: "TCP" }] },
        { name: "b", ports: null },
        {},
      ],
      initContainers: [
        { name: "sidecar", restartPolicy: "Always", ports: [{ name: "proxy", containerPort: 15001 }] },
        { name: "init", ports: [{ name: "never", containerPort: 1 }] },
      ],
    }),
  ).toEqual([
    { name: "web", protocol: "TCP", port: 8080 },
    { name: "proxy", protocol: "TCP", port: 15001 },
  ]);
  expect(of({ containers: [{}] })).toEqual([]);
  expect(of({})).toBeUndefined();
});

test("target ports and traffic policies of a service", () => {
  const of = (spec: object) =>
    serviceState({ apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec, status: {} });
  const ports = [{ port: 80, targetPort: "http" }, { port: 81, targetPort: 8081 }, { port: 82 }];
  expect(of({ ports })).toMatchObject({
    ...{ targetPorts: ["http", 8081, 82], internalLocal: false, externalLocal: false },
  });
  expect(of({ internalTrafficPolicy: "Local", externalTrafficPolicy: "Local" })).toMatchObject({
    internalLocal: true,
    externalLocal: true,
  });
});

import type { KubeObject } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";

export const echoHttpPort = 8080;
export const echoUdpPort = 8081;
/** The name of the HTTP port in a pod, for policies; services use the number. */
export const echoPortName = "echo-http";
/** Port of the container that answers heartbeats, TCP and UDP. */
const heartbeatPort = 8082;
/** Port of the service, for heartbeats. */
export const heartbeatServicePort = 82;

export function echoContainer(image: string): Record<string, unknown> {
  return {
    name: "echo",
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["netexec", `--http-port=${echoHttpPort}`, `--udp-port=${echoUdpPort}`],
    ports: [
      { name: echoPortName, containerPort: echoHttpPort },
      { containerPort: echoUdpPort, protocol: "UDP" },
    ],
    readinessProbe: {
      httpGet: { path: "/healthz", port: echoHttpPort },
      periodSeconds: 1,
      failureThreshold: 1,
    },
  };
}

/** One echo pod on every node. */
export function echoDaemonSet(options: {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
}): KubeObject {
  const labels = { app: options.name };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: options.name, namespace: options.namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          tolerations: tolerateAll,
          terminationGracePeriodSeconds: 1,
          containers: [echoContainer(options.image)],
        },
      },
    },
  };
}

/** How a deployment of echo pods differs from the plain one. */
export interface EchoVariant {
  /** The prober's image, for a second container that answers heartbeats. */
  readonly heartbeatImage?: string;
  /** Replaces pods one after another instead of all at once when the template changes. */
  readonly rolling?: boolean;
  /** A preStop hook that keeps a pod serving this long after its termination begins. */
  readonly drainSeconds?: number;
}

function heartbeatContainer(image: string): Record<string, unknown> {
  return {
    name: "heartbeat",
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["echo", String(heartbeatPort)],
    ports: [{ containerPort: heartbeatPort }, { containerPort: heartbeatPort, protocol: "UDP" }],
  };
}

/** agnhost's netexec: answers `/hostname` and the datagram `hostname` with its pod's name. */
export function echoDeployment(options: {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly variant?: EchoVariant;
}): KubeObject {
  const { heartbeatImage, rolling = false, drainSeconds = 0 } = options.variant ?? {};
  const containers = [
    echoContainer(options.image),
    ...(heartbeatImage === undefined ? [] : [heartbeatContainer(heartbeatImage)]),
  ];
  const drain = { lifecycle: { preStop: { sleep: { seconds: drainSeconds } } } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: options.name, namespace: options.namespace },
    spec: {
      replicas: options.replicas,
      selector: { matchLabels: { app: options.name } },
      // Recreate leaves no surplus pods in a rollout, which matters to tests that compare counts.
      strategy: rolling
        ? { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
        : { type: "Recreate" },
      template: {
        metadata: { labels: { app: options.name, ...options.labels } },
        spec: {
          tolerations: tolerateAll,
          terminationGracePeriodSeconds: 2 + drainSeconds,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: { app: options.name } },
            },
          ],
          containers: drainSeconds === 0 ? containers : containers.map((c) => ({ ...c, ...drain })),
        },
      },
    },
  };
}

export function echoService(options: {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly type?: "ClusterIP" | "NodePort" | "LoadBalancer";
  readonly heartbeats?: boolean;
}): KubeObject {
  const heartbeats = [
    { name: "heartbeat", port: heartbeatServicePort, targetPort: heartbeatPort, protocol: "TCP" },
    { name: "heartbeat-udp", port: heartbeatServicePort, targetPort: heartbeatPort, protocol: "UDP" },
  ];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: options.name, namespace: options.namespace, annotations: { ...options.annotations } },
    spec: {
      type: options.type ?? "ClusterIP",
      selector: { ...options.selector },
      ports: [
        { name: "http", port: 80, targetPort: echoHttpPort, protocol: "TCP" },
        { name: "udp", port: 81, targetPort: echoUdpPort, protocol: "UDP" },
        ...(options.heartbeats === true ? heartbeats : []),
      ],
    },
  };
}

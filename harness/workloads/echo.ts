import type { KubeObject } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";
import type { Application } from "#harness/model/application.ts";
import type { EchoSpec } from "#harness/model/probe-wire.ts";

export const echoHttpPort = 8080;
export const echoUdpPort = 8081;
/** The name of the HTTP port in a pod, for policies; services use the number. */
export const echoPortName = "echo-http";
/** Port of the container that answers heartbeats, TCP and UDP. */
const heartbeatPort = 8082;
/** Port of the service, for heartbeats. */
export const heartbeatServicePort = 82;

export function echoContainer(image: string) {
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
  /**
   * Leaves its services at the third failed readiness probe instead of the first. For what must serve throughout: a
   * single late answer of a busy machine would take a backend away, whose UDP sockets Cilium then closes
   * (pkg/loadbalancer/reconciler/termination.go).
   */
  readonly patient?: boolean;
  /** How a pod ends; by default it exits at once. */
  readonly application?: Application;
}

/** A pod's end: its preStop hook, then SIGTERM, and what it does then. */
interface End {
  /** Of a hook that only waits, while the pod serves on. */
  readonly preStopSeconds: number;
  /** How long it serves on after SIGTERM; undefined: until it is killed. */
  readonly serveOnSeconds: number | undefined;
  readonly graceSeconds: number;
}

const ends: Readonly<Record<Application, End>> = {
  exits: { preStopSeconds: 0, serveOnSeconds: 0, graceSeconds: 2 },
  // Each part is longer than a change takes to reach every client's BPF map: the hook for clients of the same cluster,
  // which leave a terminating pod, the rest for those of other clusters, which leave it when it is unready.
  drains: { preStopSeconds: 5, serveOnSeconds: 5, graceSeconds: 12 },
  // As long as the hook of the one that drains.
  killed: { preStopSeconds: 0, serveOnSeconds: undefined, graceSeconds: 5 },
};

/** Longer than any pod lives. */
const neverSeconds = 86_400;

/** How long after its deletion a pod may still serve; the end of the pod is part of what a scenario measures. */
export function servesOnMs(application: Application): number {
  const { preStopSeconds, serveOnSeconds, graceSeconds } = ends[application];
  return (serveOnSeconds === undefined ? graceSeconds : preStopSeconds + serveOnSeconds) * 1000;
}

/** The containers of a pod that ends in this way. */
function endingContainers(
  { preStopSeconds, serveOnSeconds }: End,
  image: string,
  heartbeatImage: string | undefined,
): Record<string, unknown>[] {
  const plain = echoContainer(image);
  const echo =
    serveOnSeconds === 0
      ? plain
      : { ...plain, args: [...plain.args, `--delay-shutdown=${serveOnSeconds ?? neverSeconds}`] };
  const heartbeats = heartbeatImage === undefined ? [] : [heartbeatContainer(heartbeatImage, serveOnSeconds)];
  if (preStopSeconds === 0) return [echo, ...heartbeats];
  // `/readyz` fails from SIGTERM on.
  const readinessProbe = { ...echo.readinessProbe, httpGet: { path: "/readyz", port: echoHttpPort } };
  const lifecycle = { preStop: { sleep: { seconds: preStopSeconds } } };
  return [{ ...echo, readinessProbe }, ...heartbeats].map((c) => ({ ...c, lifecycle }));
}

const withPatience = (container: Record<string, unknown>): Record<string, unknown> =>
  typeof container.readinessProbe === "object"
    ? { ...container, readinessProbe: { ...container.readinessProbe, failureThreshold: 3 } }
    : container;

function heartbeatContainer(image: string, serveOnSeconds: number | undefined): Record<string, unknown> {
  const spec: EchoSpec = {
    port: heartbeatPort,
    serveOnMs: serveOnSeconds === undefined ? null : serveOnSeconds * 1000,
  };
  return {
    name: "heartbeat",
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["echo", JSON.stringify(spec)],
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
  const { heartbeatImage, rolling = false, application = "exits", patient = false } = options.variant ?? {};
  const end = ends[application];
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
          terminationGracePeriodSeconds: end.graceSeconds,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: { app: options.name } },
            },
          ],
          containers: endingContainers(end, options.image, heartbeatImage).map((c) =>
            patient ? withPatience(c) : c,
          ),
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

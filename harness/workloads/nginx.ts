import type { Cluster } from "#harness/cluster/cluster.ts";
import { deploymentReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { annotation } from "#harness/semantics/annotations.ts";

/** The name of deployment and service in KKP's guide. */
export const nginxName = "nginx-deployment";
const labels = { app: "nginx" };

/** The guide's objects (seed 001), the same in every cluster, with a page that shows which pod answers. */
export async function deployNginx(
  clusters: readonly Cluster[],
  options: {
    readonly namespace: string;
    readonly image: string;
    readonly replicas: number;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { namespace, withinMs, signal } = options;
  await Promise.all(
    clusters.map(async ({ kube, name }) => {
      for (const object of objects(options)) await kube.apply(object);
      await kube.until(kinds.deployment, { namespace, name: nginxName }, deploymentReady, {
        what: `nginx in ${name}`,
        withinMs,
        signal,
      });
    }),
  );
}

const page = `pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  server {
    listen 80;
    location / { return 200 "$server_addr\\n"; }
  }
}
`;

function objects(options: {
  readonly namespace: string;
  readonly image: string;
  readonly replicas: number;
}): KubeObject[] {
  const { namespace, image, replicas } = options;
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "nginx", namespace },
      data: { "nginx.conf": page },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: nginxName, namespace },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: "nginx",
                image,
                imagePullPolicy: "IfNotPresent",
                command: ["nginx", "-g", "daemon off;"],
                ports: [{ containerPort: 80 }],
                readinessProbe: { httpGet: { path: "/", port: 80 }, periodSeconds: 1 },
                volumeMounts: [{ name: "config", mountPath: "/etc/nginx/nginx.conf", subPath: "nginx.conf" }],
              },
            ],
            volumes: [{ name: "config", configMap: { name: "nginx" } }],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: nginxName,
        namespace,
        labels,
        annotations: { [annotation.oldGlobal]: "true", [annotation.oldAffinity]: "local" },
      },
      spec: {
        type: "LoadBalancer",
        ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
        selector: labels,
      },
    },
  ];
}

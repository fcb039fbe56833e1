import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { largestPort } from "#harness/semantics/peer-values.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;
type Values = SourceCluster["values"];

const usualRange = "30000-32767";

const isNodePort =
  (service: string) =>
  (values: Values): boolean =>
    at(values, `${service}.type`) === "NodePort";

const isIngress = (values: Values): boolean => at(values, "ingressController.enabled") === true;

const apiserver = "clustermesh.apiserver.service";

/** Node ports of the chart's services, and when it writes them (their service.yaml of 1.20.2). */
const nodePorts: readonly { readonly path: string; readonly isRead: (values: Values) => boolean }[] = [
  {
    path: `${apiserver}.nodePort`,
    // The chart's default type is NodePort.
    isRead: (v) =>
      at(v, "clustermesh.useAPIServer") === true &&
      (at(v, `${apiserver}.type`) === undefined || isNodePort(apiserver)(v)),
  },
  ...["hubble.relay.service", "hubble.ui.service"].map((service) => ({
    path: `${service}.nodePort`,
    isRead: isNodePort(service),
  })),
  ...["insecureNodePort", "secureNodePort"].map((key) => ({
    path: `ingressController.service.${key}`,
    isRead: isIngress,
  })),
];

const boundsOf = (range: string): readonly [first: number, last: number] => {
  const [first = 0, last = 0] = range.split(/[-,]/).map(Number);
  return [first, last];
};

const isWithin = (port: number, range: string): boolean => {
  const [first, last] = boundsOf(range);
  return port >= first && port <= last;
};

/** Cilium's own range, which is to be that of the API server: `30000,32767`, as a text or a list. */
function rangeOfCilium({ values, config }: SourceCluster): string | undefined {
  const range = config["node-port-range"] ?? at(values, "nodePort.range");
  const text = Array.isArray(range) ? range.join(",") : range;
  return typeof text === "string" && /^\d+,\d+$/.test(text) ? text : undefined;
}

/** Node ports in values that the API server does not give out, so that it refuses the Service and Helm stops. */
export function nodePortsOutside(c: SourceCluster): Problem[] {
  const known = c.nodePortRange;
  const range = known ?? usualRange;
  return nodePorts.flatMap(({ path, isRead }): Problem[] => {
    const port = at(c.values, path);
    // A port that is none is told by another line.
    if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > largestPort) return [];
    const meant = rangeOfCilium(c);
    const isMeant = known === undefined && meant !== undefined && isWithin(port, meant);
    if (isWithin(port, range) || isMeant || !isRead(c.values)) return [];
    const why =
      known === undefined
        ? `outside of ${usualRange}, from which an API server gives NodePorts unless its service-node-port-range is another one`
        : `outside of ${known}, the service-node-port-range of its API server`;
    return [
      {
        cluster: c.name,
        field: `NodePort ${path}`,
        inSource: `${port} is ${why}: it refuses the Service, and the release stops there`,
        inLab: "the lab's own ports",
        matters: known === undefined ? "perhaps" : "yes",
      },
    ];
  });
}

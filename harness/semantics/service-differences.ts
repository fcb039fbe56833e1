import { hostPort } from "#harness/lib/cidr.ts";
import type { ServiceEntry } from "#harness/model/snapshot.ts";
import { type Difference, places } from "./compare.ts";
import type { ServiceExpectation } from "./service-state.ts";

interface At {
  readonly cluster: string;
  readonly node: string;
  /** Addresses that came or went while the mesh was read: their backends may be listed or not. */
  readonly changing?: ReadonlySet<string>;
}

const isOf = (addresses: ReadonlySet<string> | undefined, backend: string): boolean =>
  addresses !== undefined &&
  addresses.size > 0 &&
  addresses.has(backend.slice(0, backend.lastIndexOf(":")).replace(/^\[|\]$/g, ""));

/** An agent sends clients to a backend in this state; one that is not ready is listed in state `maintenance`. */
const isActive = (state: string): boolean => state === "" || state === "active";

/** An agent's list of services: the backends of every ClusterIP frontend that it sends new clients to. */
export function serviceDifferences(
  { frontends, notJudged }: ServiceExpectation,
  held: readonly ServiceEntry[],
  { cluster, node, changing }: At,
): Difference[] {
  const place = places.agent(cluster, node);
  const found: Difference[] = [];
  const lists = new Map(
    held.filter((s) => s.type === "ClusterIP").map((s) => [`${s.frontend}/${s.protocol}`, s]),
  );
  const expected = new Set<string>();
  for (const { frontend, service, backends } of frontends) {
    expected.add(frontend);
    const at = { place, object: "backend", origin: `service ${service}` };
    const list = lists.get(frontend);
    if (list === undefined) {
      found.push({
        ...{ kind: "missing", place, of: cluster, object: "frontend", name: frontend },
        origin: `service ${service}`,
      });
      continue;
    }
    const wanted = backends(node);
    const active = new Set(list.backends.filter((b) => isActive(b.state)).map(hostPort));
    for (const { address, of, draining } of wanted.values())
      if (!draining && !active.has(address) && !isOf(changing, address))
        found.push({ kind: "missing", ...at, of, name: `${address} of ${frontend}` });
    for (const address of active) {
      const backend = wanted.get(address);
      if (backend?.draining === false || isOf(changing, address)) continue;
      found.push(
        backend === undefined
          ? {
              kind: "stale",
              ...at,
              of: cluster,
              name: `${address} of ${frontend}`,
              held: `service ${service}`,
            }
          : {
              ...{ kind: "different", ...at, of: backend.of, name: `${address} of ${frontend}` },
              ...{ field: "state", expected: "not ready", held: "active" },
            },
      );
    }
  }
  for (const [frontend, { namespace, name }] of lists)
    if (!expected.has(frontend) && !notJudged.has(`${namespace}/${name}`))
      found.push({
        ...{ kind: "stale", place, of: cluster, object: "frontend", name: frontend, origin: "" },
        held: `service ${namespace}/${name}`,
      });
  return found;
}

/** The BPF map against the agent's own list: every active backend, and none that the list does not have. */
export function serviceMapDifferences(
  listed: readonly ServiceEntry[],
  map: ReadonlyMap<string, readonly string[]>,
  { cluster, node }: At,
): Difference[] {
  const place = places.serviceMap(cluster, node);
  return listed
    .filter((s) => s.type === "ClusterIP")
    .flatMap(({ frontend, protocol, namespace, name, backends }): Difference[] => {
      const lines = map.get(`${frontend}/${protocol}`) ?? map.get(frontend) ?? [];
      const held = new Set(lines.map((b) => b.replace(/\/\w+$/, "")));
      const known = new Set(backends.map(hostPort));
      const at = { place, of: cluster, object: "backend" };
      const of = `${frontend}/${protocol}`;
      return [
        ...backends
          .filter((b) => isActive(b.state) && !held.has(hostPort(b)))
          .map(
            (b): Difference => ({
              ...{ kind: "missing", ...at, name: `${hostPort(b)} of ${of}` },
              origin: `service ${namespace}/${name}`,
            }),
          ),
        ...[...held]
          .filter((b) => !known.has(b))
          .map(
            (b): Difference => ({
              ...{ kind: "stale", ...at, name: `${b} of ${of}`, origin: "" },
              held: `service ${namespace}/${name}`,
            }),
          ),
      ];
    });
}

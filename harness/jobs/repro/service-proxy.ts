import { isMapping } from "#harness/lib/value-at.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { isGlobal } from "#harness/semantics/annotations.ts";
import { isHandled, proxyNameLabel, proxyNameSetting } from "#harness/semantics/cluster-objects.ts";
import type { Say } from "./say.ts";
import { chartPaths, settingsOf } from "./source-settings.ts";

type Values = Record<string, unknown>;

/** What a service of another proxy has as its name in a lab, where the source tells it by the lack of a label. */
const otherProxy = "other-than-cilium";

/** The name of Cilium's own service proxy in the source; undefined where it serves the services without a name. */
function ownProxy(c: SourceCluster): string | undefined {
  const name = settingsOf(c).settings[proxyNameSetting];
  return name === undefined || name === "" ? undefined : name;
}

/** A service as the lab gets it, and what is changed of it: `without label ...`. */
export interface LabService {
  readonly service: SourceObject;
  readonly change?: string;
}

/**
 * Services as a lab needs them so that Cilium serves the same ones. A lab's Cilium has no proxy name: nothing else serves
 * the services of the lab itself, which have no label (`serviceListLabelSelector`, pkg/k8s/utils/utils.go:72@1.20.2). So
 * services with the source's name get no label, and those without any one, if the mesh would otherwise share them; of
 * others, which the source's own proxy serves, Cilium takes its place.
 */
export function inLabOf(c: SourceCluster): (service: SourceObject) => LabService {
  const own = ownProxy(c);
  if (own === undefined) return (service) => ({ service });
  const keyOf = ({ metadata }: SourceObject): string => `${metadata.namespace ?? "default"}/${metadata.name}`;
  const exported = new Set(c.serviceExports.map(keyOf));
  return (service) => {
    const all: Readonly<Record<string, string>> = service.metadata.labels ?? {};
    const { [proxyNameLabel]: name, ...labels } = all;
    const labelled = (to: Record<string, string>): SourceObject => ({
      ...service,
      metadata: { ...service.metadata, labels: to },
    });
    if (isHandled(all, { [proxyNameSetting]: own }))
      return { service: labelled(labels), change: `without label ${proxyNameLabel}` };
    const isShared = isGlobal(service.metadata.annotations ?? {}) || exported.has(keyOf(service));
    if (name !== undefined || !isShared) return { service };
    return {
      service: labelled({ ...labels, [proxyNameLabel]: otherProxy }),
      change: `with label ${proxyNameLabel}: ${otherProxy}`,
    };
  };
}

/** Says what takes the place of the proxy name in a lab. Answers the values that are still to be told. */
export function tellServiceProxy(c: SourceCluster, own: Values, say: Say): Values {
  const name = ownProxy(c);
  if (name === undefined) return own;
  const path = chartPaths[proxyNameSetting];
  say(
    path,
    name,
    `none, because nothing else serves the lab's own services: services with the label ${proxyNameLabel}: ${name} have it no more and are served by Cilium, as in the source; global and exported ones without it get another, and are not`,
    { part: "unavailable" },
  );
  const { k8s, ...others } = own;
  if (!isMapping(k8s)) return own;
  const { serviceProxyName: _, ...rest } = k8s;
  return Object.keys(rest).length === 0 ? others : { ...others, k8s: rest };
}

import { isGlobal } from "./annotations.ts";
import {
  type ClusterObjects,
  headlessLabel,
  isHandled,
  proxyNameLabel,
  proxyNameSetting,
} from "./cluster-objects.ts";

interface Labelled {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Without a ClusterIP: there is none to serve. */
  readonly isHeadless?: boolean;
}

interface Reader {
  readonly name: string;
  /** Of cilium-config; undefined where the name of its service proxy is not known. */
  readonly settings: ClusterObjects["settings"] | undefined;
}

/** Why Cilium does not serve a global service in its own cluster. */
export interface LeftAlone {
  readonly what: string;
  /** False if it depends on a setting that is not known. */
  readonly isSure: boolean;
  /** Cilium does not read the service at all, so its backends are not exported. */
  readonly isUnread: boolean;
  /** What `kubectl label` takes so that Cilium serves it. */
  readonly label: string;
}

/**
 * Agents and operator list services of their own proxy name only, and agents make no frontend of one with the label of
 * headless services, whose backends the operator exports all the same (`serviceListLabelSelector`,
 * pkg/k8s/utils/utils.go:72@1.20.2; `isHeadless`, pkg/loadbalancer/reflectors/conversions.go:59@1.20.2 and
 * operator/watchers/service_sync.go:274@1.20.2).
 */
export function leftAlone(service: Labelled, reader: Reader): LeftAlone | undefined {
  const { annotations, labels = {}, isHeadless = false } = service;
  if (!isGlobal(annotations)) return undefined;
  if (!isHandled(labels, reader.settings ?? {})) return ofAnotherProxy(labels[proxyNameLabel], reader);
  const mark = labels[headlessLabel];
  if (mark === undefined || isHeadless) return undefined;
  return {
    what: `is global, and has the label ${headlessLabel}: ${JSON.stringify(mark)}: agents of ${reader.name} do not serve its ClusterIP, so its clients in ${reader.name} have no backend, neither of ${reader.name} nor of others`,
    isSure: true,
    isUnread: false,
    label: `${headlessLabel}-`,
  };
}

function ofAnotherProxy(mark: string | undefined, { name, settings }: Reader): LeftAlone {
  const own = settings?.[proxyNameSetting] ?? "";
  const label =
    mark === undefined
      ? `has no label ${proxyNameLabel}`
      : `has the label ${proxyNameLabel}: ${JSON.stringify(mark)}`;
  const unless = settings === undefined ? ` unless its ${proxyNameSetting} is that` : "";
  const reads =
    own === ""
      ? ""
      : ` (${proxyNameSetting} is ${JSON.stringify(own)}, so it reads services with that label only)`;
  return {
    what: `is global, and ${label}: Cilium of ${name} does not read it${unless}${reads}, so none of its backends is exported, and its clients in ${name} get none of others`,
    isSure: settings !== undefined,
    isUnread: true,
    label: own === "" ? `${proxyNameLabel}-` : `${proxyNameLabel}=${own}`,
  };
}

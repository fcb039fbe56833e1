import { given } from "#harness/lib/given.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { ClusterSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { kubernetesLabels } from "#harness/semantics/identity-labels.ts";
import { modelPolicies, type SpecModel } from "#harness/semantics/own-cluster-selectors.ts";
import { inEffect } from "#harness/semantics/policy-effect.ts";
import {
  type Enforcement,
  enforcementOf,
  type ModelPod,
  namespaceKey,
  namespaceLabel,
  serviceAccountKey,
} from "#harness/semantics/policy-model.ts";
import { known, nameOf, wholeConfig } from "./parts.ts";
import { contextOf } from "./what-if.ts";

const setting = "policy-default-local-cluster";

/** A pod with the labels that its identity has, which policies select by. */
export interface MemberPod {
  readonly pod: PodState;
  readonly identity: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly model: ModelPod;
}

/** A cluster of which all is known that policies decide by. */
export interface Member {
  readonly snapshot: ClusterSnapshot;
  readonly name: string;
  /** cilium-config. */
  readonly config: Readonly<Record<string, string>>;
  readonly isLocal: boolean;
  readonly enforcement: Enforcement;
  readonly policies: readonly UserPolicy[];
  readonly models: readonly SpecModel[];
  readonly pods: readonly MemberPod[];
}

/** Undefined where its pods, their identities or its settings are not known. */
export function memberOf(snapshot: ClusterSnapshot): Member | undefined {
  const { ciliumIdentities, ciliumEndpoints, pods } = snapshot;
  const isRead = [pods, ciliumIdentities, ciliumEndpoints].every((p) => p?.ok);
  const config = wholeConfig(snapshot);
  if (!isRead || config === undefined) return undefined;
  const name = nameOf(snapshot);
  const policies = inEffect(policiesOf(snapshot), config, contextOf(snapshot));
  return {
    ...{ snapshot, name, config, policies },
    isLocal: isLocalByDefault(snapshot, config),
    enforcement: enforcementOf(config),
    models: modelPolicies(name, policies),
    pods: podsOf(snapshot, name),
  };
}

/** Whether it is in effect: by default from 1.19 on, and as the agents read it when they started. */
function isLocalByDefault(
  cluster: ClusterSnapshot,
  config: Readonly<Record<string, string | undefined>>,
): boolean {
  const version = contextOf(cluster).version ?? "0.0.0";
  const started = cluster.agents.flatMap(({ startedWith }) =>
    startedWith?.ok === true && Object.keys(startedWith.value).length > 0 ? [startedWith.value[setting]] : [],
  );
  return [config[setting], ...started].every((value) =>
    value === undefined ? isAtLeast(version, "1.19") : value === "true",
  );
}

/** All policies, whether or not they have an effect. */
export const policiesOf = (cluster: ClusterSnapshot): UserPolicy[] =>
  known(cluster.policyObjects).map(({ specs, paths, ...policy }) => {
    // Evidence of earlier versions has no paths.
    const pathOf = (i: number): string => paths?.[i] ?? (specs.length === 1 ? "spec" : `specs[${i}]`);
    return { ...policy, specs: specs.map((spec, i) => ({ path: pathOf(i), spec })) };
  });

/** Ready pods with an endpoint; those in their node's network have none. */
function podsOf(cluster: ClusterSnapshot, name: string): MemberPod[] {
  const identityOf = new Map(
    known(cluster.ciliumEndpoints).map((e) => [`${e.namespace}/${e.name}`, e.identity]),
  );
  const labelsOf = new Map(
    known(cluster.ciliumIdentities).map(({ id, labels }) => [id, kubernetesLabels(labels)]),
  );
  return known(cluster.pods).flatMap((pod) => {
    const identity = identityOf.get(`${pod.namespace}/${pod.name}`) ?? 0;
    const labels = labelsOf.get(identity);
    const counts = pod.ready && !pod.ending && pod.ended !== true && !pod.hostNetwork;
    if (labels === undefined || !counts) return [];
    const ofNamespace = Object.entries(labels)
      .filter(([key]) => key.startsWith(namespaceLabel))
      .map(([key, value]) => [key.slice(namespaceLabel.length), value]);
    const names = pod.ports?.filter((p) => p.name !== "" && p.protocol === "TCP");
    const model = given({
      ...{ cluster: name, namespace: labels[namespaceKey] ?? pod.namespace, labels },
      namespaceLabels: Object.fromEntries(ofNamespace) as Record<string, string>,
      serviceAccount: labels[serviceAccountKey],
      portNames: names === undefined ? undefined : Object.fromEntries(names.map((p) => [p.name, p.port])),
    });
    return [{ pod, identity, labels, model }];
  });
}

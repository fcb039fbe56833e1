import { cidrGroupState } from "#harness/cilium/object-states.ts";
import { given } from "#harness/lib/given.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { CidrGroup } from "#harness/model/config-objects.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { bare } from "./stand-ins.ts";

const kind = "CiliumCIDRGroup";

export const isCidrGroup = (o: SourceObject): boolean => o.kind === kind;

/** Each once: an archive and a file beside it may both have it, and the last one given counts. */
const groupObjects = ({ others }: SourceCluster): SourceObject[] => [
  ...new Map(others.filter(isCidrGroup).map((o) => [o.metadata.name, o])).values(),
];

/** The CiliumCIDRGroups that the files of a cluster have, perhaps not all that the cluster has. */
export const givenGroups = (c: SourceCluster): CidrGroup[] =>
  groupObjects(c).map(({ metadata: { name, labels }, spec }) =>
    cidrGroupState({ apiVersion: "", kind, metadata: { name, labels: labels ?? {} }, spec }),
  );

/**
 * The same as objects of the lab, in a version that the CRD of its Cilium has (pkg/k8s/apis/cilium.io/client/crds: v2 since
 * 1.18). They are of no namespace, whatever a file says.
 */
export const groupManifests = (c: SourceCluster): SourceObject[] =>
  groupObjects(c).map((o) => {
    const { name, labels, annotations } = o.metadata;
    const version = isAtLeast(c.cilium ?? "", "1.18") ? "v2" : "v2alpha1";
    const metadata = { name, ...given({ labels, annotations }) };
    return bare({ ...o, apiVersion: `cilium.io/${version}`, metadata });
  });

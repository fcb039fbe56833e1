import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { CidrGroup } from "#harness/model/config-objects.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import type { PolicyProblem } from "./policy-clusters.ts";
import { labelsMatch, listOf } from "./policy-model.ts";

type Json = Readonly<Record<string, unknown>>;

const lists = ["ingress", "ingressDeny", "egress", "egressDeny"] as const;
const setKeys = ["fromCIDRSet", "toCIDRSet"] as const;

/** A place of a policy's rule that means CIDRs by CiliumCIDRGroups. */
interface GroupReference {
  /** `ingress[0].fromCIDRSet[1]`, within the spec. */
  readonly path: string;
  readonly list: (typeof lists)[number];
  /** `cidrGroupRef office`. */
  readonly title: string;
  readonly isMeant: (group: CidrGroup) => boolean;
}

/** Cilium gives keys of such a selector the source of the labels of groups (`Sanitize`, pkg/policy/api/rule_validation.go@1.20.2). */
const bareLabel = (key: string): string => key.replace(/^(?:cidrgroup|any)[:.]/, "");

/** Undefined for an entry with a CIDR of its own. */
function meaningOf(entry: Json): Pick<GroupReference, "title" | "isMeant"> | undefined {
  const { cidrGroupRef: name, cidrGroupSelector: selector } = entry;
  if (typeof name === "string" && name !== "")
    return { title: `cidrGroupRef ${name}`, isMeant: (group) => group.name === name };
  if (!isMapping(selector)) return undefined;
  return {
    title: `cidrGroupSelector ${JSON.stringify(selector)}`,
    isMeant: ({ labels }) => {
      try {
        return labelsMatch(selector, (key) => labels[bareLabel(key)]);
      } catch {
        // An operator that is not known: it may mean any.
        return true;
      }
    },
  };
}

/** Where a rule of a policy names CiliumCIDRGroups (pkg/policy/api/cidr.go@1.20.2, `CIDRRule`). */
const groupReferences = (spec: Json): GroupReference[] =>
  lists.flatMap((list) =>
    listOf(spec[list]).flatMap((rule, i) =>
      setKeys.flatMap((key) =>
        listOf(rule[key]).flatMap((entry, j) => {
          const meant = meaningOf(entry);
          return meant === undefined ? [] : [{ path: `${list}[${i}].${key}[${j}]`, list, ...meant }];
        }),
      ),
    ),
  );

/**
 * A rule of a policy with the CIDRs of the groups in place of their names; each has the name of its group as `ofGroup`. A
 * group that does not exist leaves nothing: a rule that names no other selects nobody. As it is where `groups` is undefined.
 */
export function withGroups(spec: Json, groups: readonly CidrGroup[] | undefined): Json {
  if (groups === undefined || groupReferences(spec).length === 0) return spec;
  const changed = lists
    .filter((list) => spec[list] !== undefined)
    .map((list) => [list, listOf(spec[list]).map((rule) => ruleWith(rule, groups))]);
  return { ...spec, ...Object.fromEntries(changed) };
}

/** The same of all rules of policies. */
export const policiesWithGroups = (
  policies: readonly UserPolicy[],
  groups: readonly CidrGroup[] | undefined,
): UserPolicy[] =>
  policies.map((policy) => ({
    ...policy,
    specs: policy.specs.map(({ path, spec }) => ({ path, spec: withGroups(spec, groups) })),
  }));

function ruleWith(rule: Json, groups: readonly CidrGroup[]): Json {
  const changed = setKeys
    .filter((key) => rule[key] !== undefined)
    .map((key) => [key, listOf(rule[key]).flatMap((entry) => entriesWith(entry, groups))]);
  return { ...rule, ...Object.fromEntries(changed) };
}

function entriesWith(entry: Json, groups: readonly CidrGroup[]): Json[] {
  const meant = meaningOf(entry);
  if (meant === undefined) return [entry];
  const { cidrGroupRef: _ref, cidrGroupSelector: _selector, ...others } = entry;
  return groups
    .filter(meant.isMeant)
    .flatMap(({ name, cidrs }) => cidrs.map((cidr) => ({ ...others, cidr, ofGroup: name })));
}

const effects = {
  ingress: "lets nobody in by that",
  ingressDeny: "denies nobody by that",
  egress: "lets nobody out by that",
  egressDeny: "denies nobody by that",
} as const;

interface Placed extends GroupReference {
  /** `spec.ingress[0].fromCIDRSet[1]`. */
  readonly place: string;
}

const placesOf = ({ specs }: UserPolicy): Placed[] =>
  specs.flatMap(({ path, spec }) =>
    groupReferences(spec).map((reference) => ({ ...reference, place: `${path}.${reference.path}` })),
  );

/** The CiliumCIDRGroups that a policy names, as `cidrGroupRef office in spec.ingress[0].fromCIDRSet[0]`. */
export const namedGroups = (policy: UserPolicy): string[] =>
  placesOf(policy).map(({ title, place }) => `${title} in ${place}`);

/** Whether the groups are all that a cluster has, or those of files, which may be some of them. */
const wordsOf = {
  cluster: {
    none: "there is none",
    some: "there is",
    remedy: "create the group, or correct its name in the policy",
  },
  files: {
    none: "the files hold none",
    some: "the files hold",
    remedy: "give the file that holds the group, create it, or correct its name in the policy",
  },
} as const;

/**
 * Policies that name CiliumCIDRGroups which do not exist: such an entry means no address, and Cilium says nothing of it
 * (`cidrsAndLabelsForCIDRGroup`, pkg/policy/k8s/cilium_cidr_group.go@1.20.2). They are of addresses outside the mesh, so no
 * pod is known that misses them. `from`: where the groups were read.
 */
export const missingGroupProblems = (
  cluster: string,
  policies: readonly UserPolicy[],
  groups: readonly CidrGroup[],
  from: keyof typeof wordsOf = "cluster",
): PolicyProblem[] =>
  policies.flatMap((policy): PolicyProblem[] => {
    const missing = placesOf(policy).filter(({ isMeant }) => !groups.some(isMeant));
    const [first] = missing;
    if (first === undefined) return [];
    const places = shortList(
      missing.map(({ title, place }) => `${title} in ${place}`),
      3,
    );
    const words = wordsOf[from];
    const names = groups.map((g) => g.name).toSorted();
    const known = names.length === 0 ? words.none : `${words.some} ${shortList(names, 5)}`;
    return [
      {
        ...{ cluster, policy, breaks: false },
        problem: `${places} ${missing.length === 1 ? "means" : "mean"} no CiliumCIDRGroup (${known}), so it ${effects[first.list]}`,
        remedy: words.remedy,
      },
    ];
  });

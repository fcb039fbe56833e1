import { isLabName, kindNameIn, labPrefix } from "#harness/config/lab-name.ts";
import type { DockerContainer, DockerListing, DockerNetwork } from "#harness/platform/docker-listing.ts";
import {
  labLabel,
  type Owner,
  ownerLabel,
  shortOf,
  stateFolderLabel,
  unlabelled,
} from "#harness/platform/owner.ts";

/** Identifies a lab among those of all owners. */
export interface LabKey {
  readonly lab: string;
  /** The owner's id; the part of it in object names, if there is no label; or `unlabelled`. */
  readonly owner: string;
}

/** The Docker objects of one lab. */
export interface FoundLab extends LabKey {
  /** The owner's state folder, if a label contains it. */
  readonly stateFolder?: string;
  readonly containers: readonly DockerContainer[];
  /** Including kind's node containers. */
  readonly nodes: readonly DockerContainer[];
  readonly networks: readonly DockerNetwork[];
}

const kindClusterLabel = "io.x-k8s.kind.cluster";

export const isSameLab = (a: LabKey, b: LabKey): boolean => a.lab === b.lab && a.owner === b.owner;

/** Every lab of every owner with objects in a daemon, by lab and owner. */
export function findLabs(listing: DockerListing, self: Owner): FoundLab[] {
  const keyOf = keysIn(listing, self);
  const byName = new Map<string, { -readonly [K in keyof FoundLab]: FoundLab[K] }>();
  const entryOf = (key: LabKey) => {
    const name = `${key.lab}\n${key.owner}`;
    const entry = byName.get(name) ?? { ...key, containers: [], nodes: [], networks: [] };
    byName.set(name, entry);
    return entry;
  };
  for (const network of listing.networks) {
    const key = keyOf.network(network);
    if (key === undefined) continue;
    const entry = entryOf(key);
    entry.networks = [...entry.networks, network];
    const folder = network.labels[stateFolderLabel];
    if (folder !== undefined && /^\/\P{Cc}*$/u.test(folder)) entry.stateFolder = folder;
  }
  for (const container of listing.containers) {
    const key = keyOf.container(container);
    if (key === undefined) continue;
    const entry = entryOf(key);
    entry.containers = [...entry.containers, container];
    if (isNode(container)) entry.nodes = [...entry.nodes, container];
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, lab]) => lab);
}

/** Other containers and networks whose names conflict with this owner's lab. */
export function inTheWay(
  listing: DockerListing,
  self: Owner,
  plan: { readonly lab: string; readonly clusters: readonly string[]; readonly networks: readonly string[] },
): { readonly what: string; readonly key: LabKey | undefined }[] {
  const planned: LabKey = { lab: plan.lab, owner: self.id };
  const keyOf = keysIn(listing, self);
  const kindNames = plan.clusters.map((c) => kindNameIn(self.short, plan.lab, c));
  const isNeeded = ({ name, labels }: DockerContainer): boolean =>
    kindNames.some(
      (kind) =>
        labels[kindClusterLabel] === kind ||
        (name.startsWith(`${kind}-`) &&
          /^(control-plane|worker|external-load-balancer)\d*$/.test(name.slice(kind.length + 1))),
    );
  return [
    ...listing.containers
      .filter(isNeeded)
      .map((c) => ({ what: `container ${c.name}`, key: keyOf.container(c) })),
    ...listing.networks
      .filter((n) => plan.networks.includes(n.name))
      .map((n) => ({ what: `network ${n.name}`, key: keyOf.network(n) })),
  ].filter(({ key }) => key === undefined || !isSameLab(key, planned));
}

/** The prefix of the names of a lab's clusters. */
const prefixOf = ({ lab, owner }: LabKey): string =>
  owner === unlabelled ? `meshproof-${lab}` : labPrefix(shortOf(owner) ?? owner, lab);

const isNode = ({ labels }: DockerContainer): boolean => labels[kindClusterLabel] !== undefined;

/**
 * Determines the lab of Docker objects by their labels. A kind node has no such labels: it belongs to the lab of the
 * network on which it was created, which is identified by its name if it no longer exists.
 */
function keysIn({ networks }: DockerListing, self: Owner) {
  const owners = new Map(
    [self.id, ...networks.map((n) => n.labels[ownerLabel] ?? "")].map((id) => [shortOf(id), id]),
  );
  const byLabels = (labels: Readonly<Record<string, string>>): LabKey | undefined => {
    const lab = labels[labLabel];
    const owner = labels[ownerLabel];
    if (lab === undefined || !isLabName(lab)) return undefined;
    return { lab, owner: owner !== undefined && shortOf(owner) !== undefined ? owner : unlabelled };
  };
  const byName = (network: string): LabKey | undefined => {
    const [, short, lab] = /^mp-([0-9a-f]{6})-(.+?)(?:--.*)?$/.exec(network) ?? [];
    if (short !== undefined && lab !== undefined && isLabName(lab))
      return { lab, owner: owners.get(short) ?? short };
    const earlier = /^meshproof-(.+?)(?:--.*)?$/.exec(network)?.[1];
    return earlier !== undefined && isLabName(earlier) ? { lab: earlier, owner: unlabelled } : undefined;
  };
  return {
    network: (n: DockerNetwork): LabKey | undefined => byLabels(n.labels),
    container: (c: DockerContainer): LabKey | undefined => {
      const labelled = byLabels(c.labels);
      if (labelled !== undefined || !isNode(c)) return labelled;
      const network = networks.find((n) => n.name === c.network || n.id === c.network);
      const key = network === undefined ? byName(c.network) : byLabels(network.labels);
      // A user's kind cluster can be on a lab's network; it has another name.
      return key !== undefined && c.labels[kindClusterLabel]?.startsWith(`${prefixOf(key)}--`) === true
        ? key
        : undefined;
    },
  };
}

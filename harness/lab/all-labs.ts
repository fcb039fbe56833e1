import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { dockerInfo } from "#harness/platform/docker.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { isSameLab, type LabKey } from "#harness/state/inventory.ts";
import { readLabState } from "#harness/state/lab.ts";
import { everyFoundLab, everyLab } from "#harness/state/reap.ts";

/** A lab of any owner, as shown by Docker, processes and this owner's state folder. */
export interface LabOfOwner extends LabKey {
  /** Whether it belongs to the current owner. */
  readonly own: boolean;
  /** The owner's state folder, if a label names it. */
  readonly stateFolder?: string;
  /** Its phase, if this state folder has it. */
  readonly phase?: LabState["phase"];
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly nodes: number;
  readonly runningNodes: number;
}

/** The labs of all owners, those of the current one first. */
export async function labsOfAllOwners(): Promise<LabOfOwner[]> {
  await dockerInfo();
  const self = currentOwner();
  const { own, foreign } = await everyLab();
  const found = await everyFoundLab();
  const keys = [...own.map((lab) => ({ lab, owner: self.id })), ...foreign];
  return Promise.all(
    keys.map(async (key) => {
      const docker = found.find((f) => isSameLab(f, key));
      const state = await readLabState(key.lab).catch(() => undefined);
      const isOwn = key.owner === self.id;
      const stateFolder = isOwn ? self.stateFolder : docker?.stateFolder;
      return {
        ...key,
        own: isOwn,
        ...(stateFolder === undefined ? {} : { stateFolder }),
        ...(state?.owner === key.owner ? { phase: state.phase } : {}),
        containers: docker?.containers.map((c) => c.name) ?? [],
        networks: docker?.networks.map((n) => n.name) ?? [],
        nodes: docker?.nodes.length ?? 0,
        runningNodes: docker?.nodes.filter((n) => n.state === "running").length ?? 0,
      };
    }),
  );
}

/** Otherwise only a state file or processes show the lab. */
const hasObjects = (l: LabOfOwner): boolean => l.containers.length + l.networks.length > 0;

/** One line per lab, for people. */
export function labOfOwnerLines(labs: readonly LabOfOwner[]): string[] {
  return labs.length === 0 ? ["no labs"] : labs.map(lineOf);
}

function lineOf(lab: LabOfOwner): string {
  const facts = [
    `lab ${lab.lab}, owner ${lab.owner}${lab.own ? " (this one)" : ""}`,
    hasObjects(lab) ? `${lab.runningNodes} of ${lab.nodes} nodes running` : "nothing in Docker",
    ...(lab.phase === undefined ? [] : [`phase ${lab.phase}`]),
    ...(lab.stateFolder === undefined ? [] : [`state folder ${lab.stateFolder}`]),
  ];
  const remove = meshCommand("down", "--lab", lab.lab, ...(lab.own ? [] : ["--owner", lab.owner]));
  return `${facts.join(", ")}: \`${remove}\` removes it`;
}

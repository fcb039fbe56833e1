import { closest } from "#harness/lib/closest.ts";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { chartSettings } from "./chart-settings.ts";
import { predecessorsOf, successorOf } from "./flag-successors.ts";
import { flagLack, isKnownFlag, knownFlags, type Program } from "./flags.ts";
import { chartsAround, type Lack } from "./releases-read.ts";
import type { ClusterSettings } from "./setting-changes.ts";

interface Move {
  readonly from: string;
  readonly to: string;
}

/** A flag as somebody gave it. */
interface Given {
  readonly flag: string;
  /** Follows `setting x, which is "y" in `. */
  readonly where: string;
  readonly value: string;
  /** The program that does not start with a flag that it does not have; absent for cilium-config, which all programs read. */
  readonly program?: Program;
  /** The chart may have written it: only what the move changes counts. */
  readonly isCharts?: true;
}

/** Values with arguments of a program. */
const argumentValues: Readonly<Record<string, Program>> = {
  extraArgs: "agent",
  "operator.extraArgs": "operator",
  "clustermesh.apiserver.extraArgs": "clustermesh-apiserver",
  "clustermesh.apiserver.kvstoremesh.extraArgs": "kvstoremesh",
};

const nounOf: Readonly<Record<Program, string>> = {
  agent: "agents",
  operator: "operators",
  "clustermesh-apiserver": "containers of clustermesh-apiserver",
  kvstoremesh: "containers of KVStoreMesh",
};

/** Flags that a cluster gives and that the target does not have. `extraIn`: where `extraConfig` is from. */
export function flagFindings(
  move: Move,
  of: ClusterSettings,
  extraIn = "value extraConfig",
): CertificateFinding[] {
  return [...ofConfig(of, extraIn), ...ofArguments(of)].flatMap((given): CertificateFinding[] => {
    const { flag, program, isCharts } = given;
    if (!isKnownFlag(flag, program)) return chartsAround(move.to).length === 0 ? [] : [unknown(given)];
    const lack = flagLack(flag, move.to, program);
    if (lack === undefined) return [];
    const isOld = flagLack(flag, move.from, program) !== undefined;
    return isOld && isCharts === true ? [] : [lacking(given, lack, { to: move.to, isOld })];
  });
}

function ofConfig({ values = {}, config = {} }: ClusterSettings, extraIn: string): Given[] {
  const extra = valueAt(values, "extraConfig");
  const own = Object.entries(isMapping(extra) ? extra : {}).filter(([, v]) => v !== undefined && v !== null);
  const ofExtra = own.map(([flag, value]) => ({
    flag,
    where: extraIn,
    value: typeof value === "object" ? JSON.stringify(value) : String(value),
  }));
  // What the chart writes by default comes and goes with it. Scripts and other programs have keys that no table has.
  const others = Object.entries(config).filter(
    ([flag]) =>
      isKnownFlag(flag) &&
      !own.some(([name]) => name === flag) &&
      !chartSettings.some((row) => row.setting === flag),
  );
  return [
    ...ofExtra,
    ...others.map(([flag, value]) => ({ flag, where: "cilium-config", value, isCharts: true as const })),
  ];
}

const ofArguments = ({ values = {} }: ClusterSettings): Given[] =>
  Object.entries(argumentValues).flatMap(([path, program]) => {
    const written = valueAt(values, path);
    return (Array.isArray(written) ? written.map(String) : []).flatMap((value): Given[] => {
      const flag = /^--([\w.-]+)/.exec(value)?.[1];
      return flag === undefined ? [] : [{ flag, where: `value ${path}`, value, program }];
    });
  });

const shown = (value: string): string => JSON.stringify(value.slice(0, 60));

function lacking(
  { flag, where, value, program }: Given,
  { brought, removed }: Lack,
  { to, isOld }: { readonly to: string; readonly isOld: boolean },
): CertificateFinding {
  const remedy = remedyOf(flag, removed !== undefined, to);
  if (program !== undefined) {
    const who = brought === undefined ? `of Cilium ${removed} and later` : `before Cilium ${brought}`;
    return {
      id: "setting-removed",
      grade: "serious",
      message: `${nounOf[program]} ${who} do not start with the argument ${shown(value)} of ${where}: they have no such flag`,
      remedy,
    };
  }
  const when = brought === undefined ? `from Cilium ${removed} on` : `before Cilium ${brought}`;
  return {
    id: "setting-removed",
    grade: "caution",
    message: `setting ${flag}, which is ${shown(value)} in ${where}, has no effect ${when}${isOld ? "; the version that runs does not have it either" : ""}`,
    remedy,
  };
}

function remedyOf(flag: string, isRemoved: boolean, to: string): string {
  const { instead, note } = isRemoved ? successorOf(flag) : {};
  const [older] = isRemoved ? [] : predecessorsOf(flag).filter((name) => flagLack(name, to) === undefined);
  const place = instead ?? older;
  if (place !== undefined) return `write ${place} in its place`;
  return note === undefined ? `leave it out of what is given to ${to}` : `leave it out: ${note}`;
}

/** The sources of no release name it. */
function unknown({ flag, where, value, program }: Given): CertificateFinding {
  const meant = closest(
    flag,
    knownFlags.filter((name) => isKnownFlag(name, program)),
  );
  const what =
    program === undefined
      ? `setting ${flag}, which is ${shown(value)} in ${where}, is in no release of Cilium that was read: it has no effect, or one that nobody documents`
      : `argument ${shown(value)} of ${where} is in no release of Cilium that was read: ${nounOf[program]} do not start with a flag that they do not have`;
  return {
    id: "setting-unknown",
    grade: "caution",
    message: what,
    remedy:
      meant === undefined
        ? "see whether its name is right"
        : `write it as ${meant}, if that is what is meant`,
  };
}

import type { RemotePeers, WhatIfChange, WhatIfCluster, WhatIfReport } from "#harness/model/what-if.ts";

/** As for the findings of `diagnose`: 1 for something that changes, 3 for something that could not be read. */
export function whatIfExitCode(report: WhatIfReport): 0 | 1 | 3 {
  if (report.clusters.some((c) => c.changes.length > 0)) return 1;
  return report.unread.length > 0 ? 3 : 0;
}

/** The answer for people. */
export function describeWhatIf(report: WhatIfReport): string[] {
  return [
    ...report.clusters.flatMap((cluster) => describeCluster(report, cluster)),
    ...(report.unread.length === 0 ? [] : ["not read:"]),
    ...report.unread.flatMap((f) => [`- ${f.message}`, `  next: ${f.next}`]),
  ];
}

function describeCluster({ key, value, unread }: WhatIfReport, cluster: WhatIfCluster): string[] {
  const { cluster: name, now, source, changes, withoutEffect = [] } = cluster;
  if (now === undefined) return [`${name}: not judged: ${source}`];
  if (now === value) return [`${name}: ${key} is already ${value} (${source}): nothing changes`];
  const head = `${name}: ${key} is ${now} now (${source}) and would be ${value}:`;
  const idle = withoutEffect.map((line) => `- no effect with either value: ${line}`);
  if (changes.length === 0)
    return [
      unread.some((f) => f.cluster === name)
        ? `${head} no policy that could be read changes its meaning; some could not`
        : `${head} no policy changes its meaning`,
      ...idle,
    ];
  const policies = new Set(changes.map((c) => `${c.kind} ${c.namespace}/${c.name}`)).size;
  return [
    `${head} ${counted(changes.length, "selector")} of ${counted(policies, "policy", "policies")} ${changes.length === 1 ? "changes" : "change"} meaning`,
    ...changes.flatMap(describeChange),
    ...idle,
  ];
}

function describeChange(change: WhatIfChange): string[] {
  const { remote, defect, verdict, direction } = change;
  const object = change.namespace === "" ? change.name : `${change.namespace}/${change.name}`;
  const word = direction === "ingress" ? "from" : "to";
  const rule = `this rule ${verdict === "allow" ? "allows" : "denies"} traffic ${word}`;
  return [
    `- ${change.kind} ${object}, ${change.path}`,
    `  ${rule}: now ${change.now}, then ${change.after}`,
    ...(defect === undefined ? [] : [`  known defect ${defect}`]),
    ...(remote === undefined ? [] : [describeRemote(remote)]),
    `  to keep today's meaning: ${change.remedy}`,
  ];
}

function describeRemote({ access, count, names, moreNames = 0, incomplete }: RemotePeers): string {
  const more = moreNames > 0 ? ` and ${moreNames} more` : "";
  const named = count === 0 ? "" : `: ${names.join(", ")}${more}`;
  return `  ${counted(count, "remote peer")} would ${access} this access${named}${incomplete === undefined ? "" : ` (incomplete: ${incomplete})`}`;
}

const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

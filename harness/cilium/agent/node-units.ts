/** Prints the states of what runs a node's pods, where systemd does; one that hangs must not hold up the rest. */
export const unitsScript =
  "echo '# units'; for u in containerd kubelet; do timeout 3 systemctl cat $u >/dev/null 2>&1 && echo \"$u $(timeout 3 systemctl is-active $u 2>/dev/null)\"; done";

/** The states of these units in the node file of the evidence. */
export function readNodeUnits(text: string): Record<string, string> {
  const lines = text.split("\n");
  const begin = lines.indexOf("# units");
  if (begin < 0) return {};
  const found: [string, string][] = [];
  for (const line of lines.slice(begin + 1)) {
    const [, unit, state] = /^(containerd|kubelet) ([a-z]{1,20})$/.exec(line) ?? [];
    if (unit === undefined || state === undefined) break;
    found.push([unit, state]);
  }
  return Object.fromEntries(found);
}

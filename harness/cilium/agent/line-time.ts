/** The time of a log line: that of the container runtime at the beginning, or the program's own. */
export function lineTimeMs(line: string): number | undefined {
  const text = /(?:^|\btime(?:=|"\s*:\s*)"?)(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))/.exec(line)?.[1];
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}

import type { ChartSetting } from "#harness/semantics/chart-settings.ts";
import { defaultsOf } from "#harness/semantics/setting-changes.ts";

type Config = Readonly<Record<string, string>>;

/** cilium-config of each version, once for each set of values, in the order of the sets. */
export type Rendered = ReadonlyMap<string, readonly Config[]>;

const shown = (value: string | undefined): string =>
  value === undefined ? "nothing" : JSON.stringify(value);

/** Where the table of settings does not say what the charts write; one line each. */
export function tableMistakes(table: readonly ChartSetting[], rendered: Rendered): string[] {
  const sets = [...rendered.values()][0]?.length ?? 0;
  const lines = new Set<string>();
  for (let set = 0; set < sets; set += 1) {
    const configs = [...rendered].map(([version, of]) => ({ version, config: of[set] ?? {} }));
    const keys = new Set(configs.flatMap(({ config }) => Object.keys(config)));
    for (const key of [...keys].sort()) {
      const written = configs.map(({ version, config }) => ({ version, value: config[key] }));
      if (new Set(written.map((w) => w.value)).size === 1) continue;
      const row = table.find((r) => r.setting === key);
      for (const line of row === undefined ? [unknown(key, written)] : wrong(row, written)) lines.add(line);
    }
  }
  return [...lines];
}

interface Written {
  readonly version: string;
  readonly value: string | undefined;
}

/** The versions at which the value changes. */
function unknown(key: string, written: readonly Written[]): string {
  const changes = written.filter((w, i) => i === 0 || w.value !== written[i - 1]?.value);
  return `${key} is not in the table: ${changes.map((w) => `${w.version} ${shown(w.value)}`).join(", ")}`;
}

const wrong = (row: ChartSetting, written: readonly Written[]): string[] =>
  written.flatMap(({ version, value }) => {
    const [says] = defaultsOf(row, version);
    return says === value
      ? []
      : [`${row.setting}: the chart of ${version} writes ${shown(value)}, the table says ${shown(says)}`];
  });

import { isMapping } from "#harness/lib/value-at.ts";
import { valuesRefused } from "#harness/semantics/chart-refusals.ts";

type Values = Record<string, unknown>;

/** Values of a lab without those that the chart of a version, or its agents, refuse: the plan names them. */
export function withoutRefused(values: Values, version: string): Values {
  const [first] = valuesRefused(values, version);
  // What stands beside one may be refused without it.
  return first === undefined ? values : withoutRefused(withoutPath(values, first.path.split(".")), version);
}

function withoutPath(values: Values, [key = "", ...rest]: readonly string[]): Values {
  const { [key]: value, ...others } = values;
  return rest.length === 0 || !isMapping(value) ? others : { ...others, [key]: withoutPath(value, rest) };
}

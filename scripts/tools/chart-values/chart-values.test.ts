import { expect, test } from "vitest";
import { type ChartFiles, tableOf } from "./chart-values.ts";

const chartOf = (version: string, more: Partial<ChartFiles>): ChartFiles => ({
  version,
  schema: { properties: {} },
  values: {},
  templates: "",
  ...more,
});
const isSwitch = { type: "boolean" };

test("each value has its types, and the versions at which they change", () => {
  const old = {
    a: isSwitch,
    b: { properties: { c: { type: ["string", "null"] }, "d.e": { enum: ["x", "y"] } } },
  };
  const now = { a: { type: "integer" }, b: { properties: { c: { type: ["null", "string"] } } }, global: {} };
  expect(
    tableOf([
      chartOf("1.18.6", { schema: { properties: old }, values: { a: true, b: { c: null, "d.e": "x" } } }),
      chartOf("1.19.1", { schema: { properties: now }, values: { a: 1, b: { c: null } } }),
    ]),
  ).toEqual({
    a: "boolean; 1.19.1 integer",
    b: { c: "null|string", "d.e": '"x"|"y"; 1.19.1 -' },
  });
});

test("a mapping that a template prints takes other keys, and what only templates read is a value too", () => {
  const properties = { sel: { properties: { os: { type: "string" } } }, aff: { properties: { k: {} } } };
  const templates = `
    {{- with .Values.sel }}
    nodeSelector:
      {{- toYaml . | nindent 8 }}
    {{- end }}
    {{ toYaml .Values.aff }} {{ .Values.hidden.one }} {{ if hasKey .Values "two" }}
    {{ dig "three" "four" (list) .Values.hidden }} {{/* .Values.comment */}}`;
  expect(
    tableOf([
      chartOf("1.20.2", { schema: { properties }, values: { sel: { os: "" }, aff: { k: "" } }, templates }),
    ]),
  ).toEqual({
    sel: { "*": "any", os: "string" },
    aff: { "*": "any", k: "any" },
    hidden: { one: "any", three: { four: "any" } },
    two: "any",
  });
});

test("what templates read through a variable is a value, and what a loop takes from a list is none", () => {
  const properties = { sock: { properties: { enabled: { type: "boolean" } } }, list: { type: "array" } };
  const templates = `
    {{- $sock := (coalesce .Values.sock .Values.oldSock) -}}
    {{- if hasKey $sock "hostOnly" }} {{ $sock.hostOnly | quote }} {{ $sock.enabled }} {{ $sock.deep.one }} {{- end }}
    {{- range $i, $item := .Values.list }} {{ $item.name }} {{- end }}
    {{- $sock := dict "other" 1 }} {{ $sock.other }}`;
  const values = { sock: { enabled: false }, list: [] };
  expect(tableOf([chartOf("1.20.2", { schema: { properties }, values, templates })])).toEqual({
    list: "array",
    oldSock: "any",
    sock: { deep: { one: "any" }, enabled: "boolean", hostOnly: "any" },
  });
});

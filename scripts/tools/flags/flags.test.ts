import { expect, test } from "vitest";
import { flagTable, type ReleaseFiles } from "./flags.ts";

const release = (version: string, more: Partial<ReleaseFiles>): ReleaseFiles => ({
  version,
  reference: {},
  sources: "",
  configMap: "",
  ...more,
});
const page = (...flags: string[]): string =>
  flags.map((f) => `      --${f} string   Text with --other in it`).join("\n");

test("each flag has its programs, and the versions at which they change", () => {
  const table = flagTable([
    release("1.18.6", { reference: { agent: page("a", "b"), operator: `  -h, --a\n${page("c")}` } }),
    release("1.19.1", { reference: { agent: page("a"), operator: page("a", "b") } }),
  ]);
  expect(table).toEqual({
    a: "agent|operator",
    b: "agent; 1.19.1 operator",
    c: "operator; 1.19.1 -",
  });
});

test("a flag that no page names, by its text or its constant, is hidden and not absent", () => {
  const sources = `
	EnableOld = "enable-old"
const Single = "enable-single"
	flags.MarkHidden(option.EnableOld)
	flags.MarkDeprecated("enable-older", "gone soon")
	flags.MarkHidden(Single)
	vp.GetBool("enable-late")`;
  const table = flagTable([
    release("1.18.6", { sources }),
    release("1.19.1", { reference: { agent: page("enable-late", "enable-old") } }),
  ]);
  expect(table).toEqual({
    "enable-late": "hidden; 1.19.1 agent",
    "enable-old": "hidden; 1.19.1 agent",
    "enable-older": "hidden; 1.19.1 -",
    "enable-single": "hidden; 1.19.1 -",
  });
});

test("a key of cilium-config that is no flag is the chart's", () => {
  const configMap = `metadata:
  name: cilium-config
data:
{{- if .Values.x }}
  custom-cni-conf: "{{ .Values.cni }}"
  nested: |-
    inner: 1
{{- end }}
  debug: "true"
---
metadata:
  namespace: other
`;
  const table = flagTable([release("1.18.6", { configMap, reference: { agent: page("debug") } })]);
  expect(table).toEqual({ "custom-cni-conf": "chart", debug: "agent", nested: "chart" });
});

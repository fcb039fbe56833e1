import { describe, expect, test } from "vitest";
import { readTemplate, templateFile } from "./templates.ts";
import { withQuotes } from "./yaml-expressions.ts";

const valuesOf = (text: string): unknown => readTemplate(text, "x.yaml").documents[0]?.value;

describe("values that an expression fills in", () => {
  test.each([
    ["a: {{ .b }}", { a: "{{ .b }}" }],
    ['a: {{ env "B" | default "c: d" }} # why', { a: '{{ env "B" | default "c: d" }}' }],
    ["a: x-{{ .b }}-{{ .c }}", { a: "x-{{ .b }}-{{ .c }}" }],
    ['a: "{{ env "B" }}/24"', { a: '{{ env "B" }}/24' }],
    ["a: [{{ .b }}, c, '{{ .d }}']", { a: ["{{ .b }}", "c", "{{ .d }}"] }],
    ["- a: {{ .b }}\n  c: 1\n- {{ .d }}", [{ a: "{{ .b }}", c: 1 }, "{{ .d }}"]],
    ["a: {{`{{ .Release.Name }}`}}", { a: "{{`{{ .Release.Name }}`}}" }],
    ["a: 1 # {{ .b }}\n# {{ .c }}", { a: 1 }],
    ["a: {b: {{ .c }}, d: 1}", { a: { b: "{{ .c }}", d: 1 } }],
    ["run: x ${{ matrix.b }}", { run: "x ${{ matrix.b }}" }],
  ])("%s", (text, value) => {
    expect(valuesOf(text)).toEqual(value);
  });

  test("a text of several lines is left as it is", () => {
    const text = "a: |\n  b: {{ .c }}\n\n  d\ne: {{ .f }}";
    expect(withQuotes(text)).toBe('a: |\n  b: {{ .c }}\n\n  d\ne: "{{ .f }}"');
    expect(withQuotes("- a: >-\n    {{ .b }}\n  c: {{ .d }}")).toBe('- a: >-\n    {{ .b }}\n  c: "{{ .d }}"');
  });
});

describe("conditions and loops", () => {
  test("what is the same in every way is known; all else is a placeholder with what it may be", () => {
    const text = [
      "{{- $x := .Cluster }}",
      "a: 1 {{/* the first */}}",
      "{{- if .b }}",
      "b: 2",
      "c: 3",
      "{{- else if .c }}",
      "b: 4",
      "c: 3",
      "{{- else }}",
      "c: 3",
      "{{- end }}",
      "list:",
      "{{- range .items }}",
      "- {{ . }}",
      "{{- end }}",
      "d: {{ if .x }}y{{ else }}z{{ end }}",
      "{{- with .e }}",
      "e:",
      "  f: {{ .f }}",
      "  {{- if .g }}",
      "  g: true",
      "  {{- end }}",
      "{{- end }}",
    ].join("\n");
    expect(valuesOf(text)).toEqual({
      a: 1,
      b: "{{...}} 2 or 4 or not set",
      c: 3,
      list: '{{...}} ["{{ . }}"] or not set',
      d: "{{ if .x }}y{{ else }}z{{ end }}",
      e: { f: "{{...}} {{ .f }} or not set", g: "{{...}} true or not set" },
    });
  });

  test("a line that inserts values is the value of the key above it, or named with its number", () => {
    const { documents, missing } = readTemplate(
      "a:\n  {{- toYaml .a | nindent 2 }}\nb:\n  c: 1\n  {{- toYaml .b | nindent 2 }}\n  {{- if .x }}\n  d: 1\n  {{- end }}\n",
      "x.yaml",
    );
    expect(documents[0]?.value).toEqual({
      a: "{{- toYaml .a | nindent 2 }}",
      b: { c: 1, d: "{{...}} 1 or not set" },
    });
    expect(missing).toEqual(["line 5: {{- toYaml .b | nindent 2 }}"]);
  });

  test("a definition is no value", () => {
    expect(valuesOf('{{- define "x" }}\na: 1\n{{- end }}\nb: 2')).toEqual({ b: 2 });
  });

  test.each([
    ["of which nothing is known", "{{ if .x }}\na: 1\n{{ end }}", "is a template with conditions or loops"],
    ["that do not end", "a: 1\n{{ if .x }}\nb: 1", "do not match at line 3"],
    ["that end twice", "a: 1\n{{ end }}", "do not match at line 2"],
    ["too many", "a: 1\n{{ if .x }}\nb: 1\n{{ end }}".repeat(300), "too many conditions and loops"],
    ["that are no YAML in any way", "a: [\n{{ if .x }}\nb: 1\n{{ end }}", "is not YAML"],
  ])("%s are refused", (_, text, message) => {
    expect(() => readTemplate(text, "x.yaml")).toThrow(message);
  });
});

test("a file of objects is a template only where all of them hold values", () => {
  const kindOf = (kind: string): string =>
    `apiVersion: v1\nkind: ${kind}\nspec:\n  values:\n    a: {{ .b }}\n`;
  const first = (text: string): unknown => templateFile(text, "x.yaml").documents[0]?.value;
  expect(first(kindOf("HelmRelease"))).toMatchObject({ spec: { values: { a: "{{ .b }}" } } });
  expect(first(kindOf("CiliumNetworkPolicy"))).not.toMatchObject({ spec: { values: { a: "{{ .b }}" } } });
});

import { expect, test } from "vitest";
import { Charts } from "../charts.ts";
import type { Named } from "../reading.ts";
import { installCommands } from "./install-commands.ts";

/** Values that stand in a script are mappings; names of files are not known here. */
const named: Named = {
  layers: (items) => ({
    values: Object.assign({}, ...items.filter((i) => typeof i === "object")) as Record<string, unknown>,
    files: [],
    missing: items.filter((i) => typeof i !== "object").map(String),
  }),
  charts: new Charts([]),
};
const read = (text: string): ReturnType<typeof installCommands> => installCommands(text, "x.sh", named);
const helm = "helm upgrade --install cilium cilium/cilium -n kube-system";
const body = (name: string, id: string): string =>
  `cluster:\n  # of the site\n  name: ${name}\n  id: ${id}\n`;

test.each([
  ["the standard input", `${helm} -f - <<EOF\n${body("red", "1")}EOF\n`],
  ["behind a pipe", `cat <<'EOF' | ${helm} --values=-\n${body("red", "1")}EOF\n`],
  ["with tabs", `${helm} -f /dev/stdin <<-EOF\n${body("red", "1")}\tEOF\n`],
  ["behind a line that goes on", `${helm} \\\n  -f - <<EOF\n${body("red", "1")}EOF\n`],
  ["a file", `cat > v/site.yaml <<EOF\n${body("red", "1")}EOF\n${helm} -f ./v/site.yaml\n`],
  ["a file of tee", `sudo tee v.yaml >/dev/null <<EOF\n${body("red", "1")}EOF\n${helm} -f v.yaml\n`],
  ["two parts of a file", `cat <<E >v\ncluster:\n  name: red\nE\ncat <<E >>v\n  id: 1\nE\n${helm} -f v\n`],
  ["variables", `N=red\nID=1\n${helm} -f - <<EOF\n${body("$N", "${ID}")}EOF\n`],
])("values in a here-document are those of the command: %s", (_, text) => {
  expect(read(text)).toMatchObject([{ values: { cluster: { name: "red", id: 1 } }, missing: [] }]);
});

test("each command has its own cluster", () => {
  const text = `${helm} -f - <<EOF\n${body("red", "1")}EOF\n${helm} --set cluster.name=green --set cluster.id=1\n`;
  expect(read(text).map((c) => c.values.cluster)).toEqual([
    { name: "red", id: 1 },
    { name: "green", id: 1 },
  ]);
});

test("variables stay where the shell keeps them, or where nobody knows them", () => {
  const [one] = read(`N=red\n${helm} -f - <<"EOF"\n${body("$N", "${ID}")}EOF\n`);
  expect(one?.values.cluster).toEqual({ name: "$N", id: "${ID}" });
  const [other] = read(`N=red\n${helm} -f - <<EOF\n${body("$N", "$(next id)")}EOF\n`);
  expect(other?.values.cluster).toEqual({ name: "red", id: "$(next id)" });
});

test("values that a loop fills in are refused, and others are not", () => {
  const loop = (id: string): string => `for i in 1 2; do\n${helm} -f - <<EOF\n${body("red", id)}EOF\ndone\n`;
  expect(() => read(loop("$i"))).toThrow("x.sh, line 2: the command is in a loop, which is not run");
  expect(read(loop("1"))).toMatchObject([{ values: { cluster: { id: 1 } } }]);
});

test("what is no mapping is told, and no YAML is refused with its line", () => {
  expect(read(`${helm} -f - <<EOF\n- a\nEOF\n`)).toMatchObject([{ missing: ["-"] }]);
  expect(() => read(`${helm} -f - <<EOF\na: [\nEOF\n`)).toThrow(
    "x.sh, line 2: the here-document is not YAML",
  );
});

test("a document without an end, and commands for another host, are commands as before", () => {
  expect(read(`echo $((1<<2))\n${helm} --set cluster.id=1\n`)).toMatchObject([
    { values: { cluster: { id: 1 } } },
  ]);
  const remote = `ssh root@a <<'EOF'\n${helm} --set cluster.name=red --set cluster.id=1\nEOF\n`;
  expect(read(remote)).toMatchObject([{ values: { cluster: { name: "red", id: 1 } } }]);
});

test("objects for kubectl are named", () => {
  const text = `${helm} --set cluster.name=red\nkubectl apply -f - <<EOF\napiVersion: v1\nkind: Service\nEOF\n`;
  expect(read(text)[0]?.notes).toMatchObject([
    { field: "objects in a script", inSource: "x.sh, line 3: Service" },
  ]);
});

test("dashes of a text program are those of options", () => {
  const [one] = read("cilium install –set cluster.name=red —set cluster.id=1 --set a=b–c\n");
  expect(one?.values).toEqual({ cluster: { name: "red", id: 1 }, a: "b–c" });
  expect(one?.notes).toMatchObject([{ inSource: expect.stringContaining("dash of a text program") }]);
});

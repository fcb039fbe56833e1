import { describe, expect, test } from "vitest";
import { Charts } from "../charts.ts";
import type { Named } from "../reading.ts";
import { installCommands } from "./install-commands.ts";

const none: Named = {
  layers: (items) => ({ values: {}, files: [], missing: items.map(String) }),
  charts: new Charts([]),
};

const install = (name: string, id: string, more = ""): string =>
  `cilium install --set cluster.name=${name} --set cluster.id=${id} ${more}\n`;
const clustersOf = (text: string): unknown[] =>
  installCommands(text, "x.sh", none).map((c) => c.values.cluster);
const both = [
  { name: "red", id: 1 },
  { name: "green", id: 2 },
];

describe("variables of a script", () => {
  test.each([
    ["plain words", `A=red\nB=green\n${install("$A", "1")}${install("$B", "2")}`],
    [
      "quotes and keywords",
      `export A="red" B='green' # two\n${install('"${A}"', "1")}${install("${B}", "2")}`,
    ],
    ["one after the other", `N=red; I=1\n${install("$N", "$I")}N=green I=2\n${install("$N", "$I")}`],
    ["made of others", `P=re\nA=\${P}d\n${install("$A", "1")}${install("green", "2")}`],
    [
      "a single name in a retry loop",
      `A=red\nuntil ${install("$A", "1").trim()}; do\n sleep 1\ndone\n${install("green", "2")}`,
    ],
  ])("%s are expanded", (_, text) => {
    expect(clustersOf(text)).toEqual(both);
  });

  test("without quotes its words are arguments; others are told", () => {
    const [one] = installCommands(
      `OPTS="--set cluster.name=red --set cluster.id=1"\ncilium install --context $CTX $OPTS $MORE "\${ALL[@]}"\n`,
      "x.sh",
      none,
    );
    expect(one).toMatchObject({ values: { cluster: { name: "red", id: 1 } }, context: "$CTX" });
    expect(one?.unknown).toEqual(["$MORE", "${ALL[@]}"]);
  });

  test("single quotes and escapes are no variables", () => {
    const [one] = installCommands(
      `A=x\ncilium install --set a='$A' --set b="\\$A" --set c=$(echo 1 2)\n`,
      "x.sh",
      none,
    );
    expect(one?.values).toEqual({ a: "$A", b: "$A", c: "$(echo 1 2)" });
  });
});

describe("commands of different clusters are never merged", () => {
  test.each([
    ["names that are not set", install("$1", "1") + install("$2", "2"), "line 1: cluster.name is $1"],
    [
      "a name that is set in a branch",
      `A=red\nif x; then\n  A=green\nfi\n${install("$A", "1")}${install("blue", "2")}`,
      "line 5: cluster.name is $A",
    ],
    [
      "one name with two ids",
      install("red", "1") + install("red", "2"),
      "line 2: cluster red has id 2, and 1 in line 1",
    ],
    [
      "no name with two ids",
      "cilium install --set cluster.id=1\ncilium install --set cluster.id=2\n",
      "line 2: cluster without a name has id 2",
    ],
    [
      "a command without a name",
      `${install("red", "1")}${install("green", "2")}cilium upgrade --set MTU=1400\n`,
      "line 3: the command does not say of which cluster",
    ],
    [
      "another context",
      `${install("red", "1", "--context a")}helm upgrade cilium cilium/cilium --kube-context b --set MTU=1400\n`,
      "line 2: the command does not say of which cluster",
    ],
    [
      "a loop",
      "for c in red green; do\n  cilium install \\\n    --set cluster.name=$c\ndone\n",
      "line 2: the command is in a loop, which is not run: for c in red green",
    ],
    [
      "a loop over a list of commands",
      "cat l | while read n i; do cilium install --set cluster.name=$n; done\n",
      "loop, which is not run: while read n i",
    ],
    [
      "a loop's variable that was set before",
      `n=red\nfor n in a b; do ${install("$n", "1").trim()}; done\n`,
      "for n in a b",
    ],
    ["a list of xargs", "echo a b | xargs -n1 -I{} cilium install --set cluster.name={}\n", "in a loop"],
  ])("%s", (_, text, message) => {
    expect(() => installCommands(text, "x.sh", none)).toThrow(
      `x.sh, ${message.startsWith("line") ? message : ""}`,
    );
    expect(() => installCommands(text, "x.sh", none)).toThrow(message);
  });

  test("a command without a name is of the cluster of its context; other charts are no installation", () => {
    const text = `${install("red", "1", "--context a")}${install("green", "2", "--context b")}helm upgrade cilium cilium/cilium --kube-context a --set MTU=1400\nhelm install loki grafana/loki --set x=y\n`;
    expect(installCommands(text, "x.sh", none).map((c) => c.values)).toEqual([
      { cluster: both[0] },
      { cluster: both[1] },
      { cluster: { name: "red" }, MTU: 1400 },
    ]);
  });
});

describe("options", () => {
  const only = (text: string) => installCommands(`cilium install ${text}\n`, "x.sh", none)[0];

  test.each([
    [`--set-json 'a.b=["x"]'`, { a: { b: ["x"] } }],
    [`--set-json '{"cluster":{"name":"red"}}'`, { cluster: { name: "red" } }],
    ["--set-literal a.b=c,d=e", { a: { b: "c,d=e" } }],
    ["--ipam kubernetes", { ipam: { mode: "kubernetes" } }],
    ["--encryption wireguard", { encryption: { enabled: true, type: "wireguard" } }],
    ["--cluster-name red --cluster-id 3", { cluster: { name: "red", id: 3 } }],
  ])("%s are values", (text, values) => {
    expect(only(text)).toMatchObject({ values, unread: [] });
  });

  test.each([
    "--reuse-values",
    "--set-file a=b",
    "--config tunnel=vxlan",
    "--set-json a={x",
    "--datapath-mode native",
  ])("%s is told as not read", (text) => {
    expect(only(text)?.unread).toEqual([text.split(" ")[0]]);
  });

  test("those that change nothing of a mesh are not told, nor is the prompt of a console", () => {
    expect(
      installCommands("$ cilium install --wait --namespace kube-system --timeout 5m\n", "x.txt", none),
    ).toMatchObject([{ values: {}, unread: [], unknown: [] }]);
  });

  test("`clustermesh enable` is of the cluster of its context", () => {
    const text =
      "cilium install --context c1 --set cluster.name=red --set cluster.id=1\ncilium install --context c2 --set cluster.name=green --set cluster.id=2\ncilium clustermesh enable --context c2 --service-type LoadBalancer\ncilium clustermesh enable --service-type NodePort\n";
    const [, , enabled, unknown] = installCommands(text, "x.sh", none);
    expect(enabled?.values).toEqual({
      cluster: { name: "green" },
      clustermesh: { useAPIServer: true, apiserver: { service: { type: "LoadBalancer" } } },
    });
    expect(unknown).toMatchObject({ values: {}, unread: ["cilium clustermesh enable"] });
  });
});

describe("arrays of a script", () => {
  const common = 'common=(\n  --version "1.19.4" # of both\n  --set kubeProxyReplacement=true\n)\n';
  const onlyOf = (text: string): unknown => installCommands(text, "x.sh", none)[0];

  test("one that no command names is no command", () => {
    expect(clustersOf(`${common}${install("red", "1")}${install("green", "2")}`)).toEqual(both);
  });

  test("its words are those of the command that names it", () => {
    const text = `V=1.18.6\nreadonly args=( --set cluster.id=1 --version $V )\nargs+=( --set 'a=x y' )\ncilium install "\${args[@]}" --set cluster.name=red\n`;
    expect(onlyOf(text)).toMatchObject({
      values: { cluster: { name: "red", id: 1 }, a: "x y" },
      version: "1.18.6",
      unknown: [],
    });
  });

  test("an array may be the whole command", () => {
    const text =
      'cmd=(helm upgrade --install cilium cilium/cilium --set "cluster.id=1")\n"${cmd[@]}" --set cluster.name=red\n';
    expect(installCommands(text, "x.sh", none)).toMatchObject([
      { values: { cluster: { name: "red", id: 1 } } },
    ]);
  });

  test.each([
    ["in a branch", "if x; then\n  args=(--set a=b)\nfi\n"],
    ["with names as indices", "declare -A args=([a]=b [c]=d)\n"],
    ["changed by its index", "args=(--set a=b)\nargs[1]=c=d\n"],
    ["added to what is not known", "args+=(--set a=b)\n"],
  ])("%s, its words are not known", (_, text) => {
    expect(onlyOf(`${text}cilium install --set cluster.name=red "\${args[@]}"\n`)).toMatchObject({
      values: { cluster: { name: "red" } },
      unknown: ["${args[@]}"],
    });
  });

  test("text is added to a variable", () => {
    const text = 'OPTS="--set a=b"\nOPTS+=" --set c=d"\nMORE+=" --set e=f"\ncilium install $OPTS $MORE\n';
    expect(onlyOf(text)).toMatchObject({ values: { a: "b", c: "d" }, unknown: ["$MORE"] });
  });
});

test("`--set` changes items of lists, also of a values file", () => {
  const layers: Named["layers"] = () => ({
    values: { pools: ["10.1.0.0/16", "10.2.0.0/16"] },
    files: [],
    missing: [],
  });
  const text = `helm install cilium cilium/cilium -f x.yaml --set 'pools[1]=10.3.0.0/16' --set peers[0].ips[0]=192.0.2.1 --set-json 'peers[1]={"name":"c"}'\n`;
  expect(installCommands(text, "x.sh", { ...none, layers })[0]?.values).toEqual({
    pools: ["10.1.0.0/16", "10.3.0.0/16"],
    peers: [{ ips: ["192.0.2.1"] }, { name: "c" }],
  });
});

import { expect, test } from "vitest";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { remedyCommands } from "./remedy-commands.ts";

const of = (next: string) =>
  remedyCommands({ cluster: "east", next }, ["east", "west"]).map(
    ({ cluster, argv, changes }) => `${cluster}${changes ? "" : " (shows)"}: ${argv.join("|")}`,
  );

test.each([
  ["kubectl -n a delete pod/b", ["east: kubectl|-n|a|delete|pod/b"]],
  ["restart it: kubectl -n a rollout restart ds/b in west", ["west: kubectl|-n|a|rollout|restart|ds/b"]],
  [
    "find out why, then docker unpause n1; docker exec n1 ip rule in west; nothing else",
    ["east: docker|unpause|n1", "west: docker|exec|n1|ip|rule"],
  ],
  ["npm run mesh -- heal --lab a", ["east: npm|run|mesh|--|heal|--lab|a"]],
  [
    "kubectl -n a get pod/b -o yaml; kubectl describe pods",
    ["east (shows): kubectl|-n|a|get|pod/b|-o|yaml", "east (shows): kubectl|describe|pods"],
  ],
  ["docker exec n1 iptables-save", ["east (shows): docker|exec|n1|iptables-save"]],
  [
    "kubectl rollout status ds/a; kubectl rollout restart ds/a",
    ["east (shows): kubectl|rollout|status|ds/a", "east: kubectl|rollout|restart|ds/a"],
  ],
])("%s", (next, expected) => {
  expect(of(next)).toEqual(expected);
});

test.each([
  "cilium clustermesh connect, or add west to clustermesh.config.clusters of east",
  "let `helm upgrade` make it",
  "cilium-dbg troubleshoot clustermesh",
  "kubectl get secret a | base64 -d",
  "kubectl delete pod $(kubectl get pods -o name)",
  "kubectl delete pod a > b",
  "use kubectl delete",
  "",
])("no command: %s", (next) => {
  expect(of(next)).toEqual([]);
});

test("quoted words are one word each, whatever they hold, and an apostrophe of the prose quotes nothing", () => {
  const hostile = "it's; kubectl delete all $(id) in west";
  expect(
    remedyCommands({ cluster: "east", next: shellQuote(["kubectl", "get", hostile]) }, ["west"]),
  ).toEqual([
    {
      ...{ cluster: "east", argv: ["kubectl", "get", hostile], changes: false },
      text: shellQuote(["kubectl", "get", hostile]),
    },
  ]);
  expect(of("check the peer's address; kubectl delete pod/b; it is the peer's")).toEqual([
    "east: kubectl|delete|pod/b",
  ]);
});

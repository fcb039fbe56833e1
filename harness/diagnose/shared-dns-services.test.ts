import { expect, test } from "vitest";
import type { Finding } from "#harness/model/finding.ts";
import { causesOf, meshWith, ok, service } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const global = { "service.cilium.io/global": "true" };
const found = (ofEast: Record<string, string>, ofWest: Record<string, string>): Finding[] => {
  const [east, west] = [ofEast, ofWest].map((annotations) =>
    ok([
      service({}),
      service({
        ...{ namespace: "kube-system", name: "kube-dns", annotations },
        selector: { "k8s-app": "kube-dns" },
      }),
    ]),
  );
  return causesOf(
    meshWith(east === undefined ? {} : { services: east }, west === undefined ? {} : { services: west }),
  ).filter((f) => f.id === "service-dns-global");
};

test("one suspect finding for the DNS that two clusters join, with a command for each", () => {
  const [finding, ...others] = found(global, { "io.cilium/global-service": "true" });
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    ...{ severity: "suspect", cluster: "east", subject: "service kube-system/kube-dns of east" },
    message: expect.stringContaining(
      "service kube-system/kube-dns is the cluster's own DNS, and global in east and west: DNS pods of another cluster answer queries of east and west too,",
    ),
  });
  expect(
    finding === undefined
      ? []
      : remedyCommands(finding, ["east", "west"]).map((c) => `${c.cluster}: ${c.text}`),
  ).toEqual([
    "east: kubectl -n kube-system annotate service/kube-dns service.cilium.io/global-",
    "west: kubectl -n kube-system annotate service/kube-dns io.cilium/global-service-",
  ]);
});

test("affinity local leaves it a matter of lost DNS pods; a cluster alone has nothing to join", () => {
  const local = { ...global, "service.cilium.io/affinity": "local" };
  expect(found(local, local)[0]?.message).toContain("as long as a DNS pod of its own is ready");
  expect(found(global, {})).toEqual([]);
});

import { describe, expect, test } from "vitest";
import { kindNameIn, labPrefix } from "#harness/config/lab-name.ts";
import type { DockerContainer, DockerNetwork } from "#harness/platform/docker-listing.ts";
import { labLabels, type Owner, ownerOf } from "#harness/platform/owner.ts";
import { findLabs, inTheWay } from "./inventory.ts";
import { keyOfMark } from "./processes.ts";
import { sortByOwner } from "./reap.ts";

const alice = ownerOf({ uid: 1000, name: "alice" }, "/home/alice/state/meshproof");
const bob = ownerOf({ uid: 1001, name: "bob" }, "/home/bob/state/meshproof");

const network = (name: string, labels: Record<string, string> = {}): DockerNetwork => ({
  id: `id-of-${name}`,
  name,
  labels,
});
const container = (name: string, over: Partial<DockerContainer> = {}): DockerContainer => ({
  id: `id-of-${name}`,
  name,
  state: "running",
  network: "bridge",
  labels: {},
  ...over,
});
const node = (cluster: string, on: string, role = "control-plane"): DockerContainer =>
  container(`${cluster}-${role}`, { network: on, labels: { "io.x-k8s.kind.cluster": cluster } });

/** A lab of one cluster with a client outside it. */
const labOf = (owner: Owner, lab: string) => {
  const name = labPrefix(owner.short, lab);
  return {
    containers: [
      node(kindNameIn(owner.short, lab, "east"), name),
      container(`client-${owner.id}`, { network: name, labels: labLabels(lab, owner) }),
    ],
    networks: [network(name, labLabels(lab, owner))],
  };
};
const earlier = {
  containers: [node("meshproof-seed--east", "meshproof-seed")],
  networks: [network("meshproof-seed", { "io.meshproof.lab": "seed" })],
};
const all = {
  containers: [
    ...labOf(alice, "seed").containers,
    ...labOf(bob, "seed").containers,
    ...earlier.containers,
    container("postgres"),
    node("kind", "kind"),
  ],
  networks: [
    ...labOf(alice, "seed").networks,
    ...labOf(bob, "seed").networks,
    ...earlier.networks,
    network("bridge"),
    network("kind"),
  ],
};

describe("the owner of a lab", () => {
  test("three labs of one name on one daemon are distinct", () => {
    const labs = findLabs(all, alice);
    expect(labs.map(({ lab, owner, stateFolder }) => ({ lab, owner, stateFolder }))).toEqual([
      { lab: "seed", owner: alice.id, stateFolder: alice.stateFolder },
      { lab: "seed", owner: bob.id, stateFolder: bob.stateFolder },
      { lab: "seed", owner: "unlabelled", stateFolder: undefined },
    ]);
    expect(labs.map((l) => l.containers.map((c) => c.name))).toEqual([
      [`mp-${alice.short}-seed--east-control-plane`, `client-${alice.id}`],
      [`mp-${bob.short}-seed--east-control-plane`, `client-${bob.id}`],
      ["meshproof-seed--east-control-plane"],
    ]);
    expect(labs.map((l) => l.nodes.length)).toEqual([1, 1, 1]);
  });

  test("a node without its network is assigned by name, also to another owner", () => {
    const networks = [network("bridge")];
    expect(findLabs({ ...all, networks }, alice).map(({ owner }) => owner)).toEqual(
      [alice.id, bob.id, bob.short, "unlabelled"].sort(),
    );
  });

  test("a foreign kind cluster on a lab's network is not part of a lab", () => {
    const name = labPrefix(alice.short, "seed");
    const listing = {
      containers: [node("mine", name), node("meshproof-seed--east", name)],
      networks: labOf(alice, "seed").networks,
    };
    expect(findLabs(listing, alice).flatMap((l) => l.containers)).toEqual([]);
  });

  test("clusters on separate networks are one lab", () => {
    const names = ["east", "west"].map((c) => kindNameIn(alice.short, "wide", c));
    const listing = {
      containers: names.map((n) => node(n, n)),
      networks: names.map((n) => network(n, labLabels("wide", alice))),
    };
    expect(findLabs(listing, alice)).toMatchObject([{ lab: "wide", owner: alice.id }]);
    expect(findLabs({ ...listing, networks: [] }, alice)).toMatchObject([{ lab: "wide", owner: alice.id }]);
  });

  test("invalid labels of labs and owners are not printed", () => {
    const labels = (over: Record<string, string>) => ({ ...labLabels("seed", bob), ...over });
    const odd = (over: Record<string, string>) =>
      findLabs({ containers: [], networks: [network("x", labels(over))] }, alice);
    expect(odd({ "io.meshproof.lab": "\u001b[31mred" })).toEqual([]);
    expect(odd({ "io.meshproof.owner": "\u001b[31mred" })).toMatchObject([{ owner: "unlabelled" }]);
    expect(odd({ "io.meshproof.state-folder": "/a\nb" })[0]?.stateFolder).toBeUndefined();
  });
});

describe("conflicts with a new lab", () => {
  const plan = (owner: Owner) => ({
    lab: "seed",
    clusters: ["east"],
    networks: [labPrefix(owner.short, "seed")],
  });
  test("a lab of the same name, own or of another owner, is none", () => {
    expect(inTheWay(all, alice, plan(alice))).toEqual([]);
  });
  test("a container or network with the lab's names and another owner's label, or no label, is one", () => {
    const cluster = kindNameIn(alice.short, "seed", "east");
    const name = labPrefix(alice.short, "seed");
    const listing = {
      containers: [
        container(`${cluster}-control-plane`, { labels: labLabels("seed", bob) }),
        node(cluster, "kind", "worker"),
        container(`${cluster}-exporter`),
      ],
      networks: [network(name, labLabels("seed", bob))],
    };
    expect(inTheWay(listing, alice, plan(alice))).toEqual([
      { what: `container ${cluster}-control-plane`, key: { lab: "seed", owner: bob.id } },
      { what: `container ${cluster}-worker`, key: undefined },
      { what: `network ${name}`, key: { lab: "seed", owner: bob.id } },
    ]);
  });
});

test("labs are sorted by owner", () => {
  const keys = [
    ...findLabs(all, alice),
    { lab: "gone", owner: alice.id },
    keyOfMark(`${bob.id}/ci`),
    keyOfMark("ci"),
  ];
  expect(sortByOwner(keys, alice.id)).toEqual({
    own: ["gone", "seed"],
    foreign: [
      { lab: "seed", owner: bob.id },
      { lab: "seed", owner: "unlabelled" },
      { lab: "ci", owner: bob.id },
      { lab: "ci", owner: "unlabelled" },
    ],
  });
});

test("names with an owner are as long as names of earlier versions", () => {
  expect(kindNameIn(alice.short, "seed", "east")).toHaveLength("meshproof-seed--east".length);
});

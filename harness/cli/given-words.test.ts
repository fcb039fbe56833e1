import { expect, test } from "vitest";
import { givenWords } from "./given-words.ts";
import { flag, labToBuild, text } from "./options.ts";

test("options that a command line gave are given again, and no others", () => {
  const options = {
    ...labToBuild,
    keep: flag("--keep", "k"),
    proberImage: text("--prober-image <ref>", "p"),
  };
  const values = {
    lab: "default",
    labFile: "kind-configs/dual stack/lab.yaml",
    profile: undefined,
    cilium: ["east=1.18.6", "1.19.4"],
    kubernetes: undefined,
    values: undefined,
    clusters: 3,
    workers: undefined,
    serviceType: undefined,
    images: "archive=a.tar",
    registryMirror: undefined,
    keep: true,
    proberImage: "registry.example/prober:1",
  };
  const given = new Set(["labFile", "cilium", "clusters", "images", "keep", "proberImage"]);
  expect(givenWords(options, values, given)).toEqual([
    ...["--lab-file", "kind-configs/dual stack/lab.yaml", "--cilium", "east=1.18.6", "--cilium", "1.19.4"],
    ...[
      "--clusters",
      "3",
      "--images",
      "archive=a.tar",
      "--keep",
      "--prober-image",
      "registry.example/prober:1",
    ],
  ]);
});

import { expect, test } from "vitest";
import { readNodeFile } from "./node-file.ts";
import { readNodeUnits } from "./node-units.ts";

const file = (units: readonly string[]): string =>
  ["# firewall", "# stopped processes", "T 7 sleep 9", "# units", ...units, "# routing rules", ""].join("\n");

test("the states of a node's units stand in its file, and disturb nothing else in it", () => {
  const text = file(["containerd inactive", "kubelet active"]);
  expect(readNodeUnits(text)).toEqual({ containerd: "inactive", kubelet: "active" });
  expect(readNodeFile(text)).toEqual({ rules: [], stopped: ["sleep 9"] });
});

test("where there is no systemd, and in older files, they are not known", () => {
  expect(readNodeUnits(file(["containerd ", "kubelet "]))).toEqual({});
  expect(readNodeUnits("# firewall\n")).toEqual({});
});

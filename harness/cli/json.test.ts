import { beforeEach, expect, test, vi } from "vitest";
import { exampleLabState } from "#harness/model/examples.ts";

vi.mock("#harness/jobs/inject.ts", () => ({
  injectByHand: async ({ onInjected }: { onInjected: (hand: object) => void }) => {
    const injected = { fault: "vxlan-drop", does: "drops", subject: "east-worker" };
    onInjected(injected);
    return { ...injected, interrupted: false };
  },
  healByHand: async () => ["vxlan-drop"],
}));
vi.mock("#harness/jobs/probe.ts", () => ({
  probeByHand: async ({ onStarted }: { onStarted: (from: string) => void }) => {
    onStarted("east/worker");
    return {
      from: "east/worker",
      target: "10.0.0.1:80/hostname",
      interrupted: false,
      sent: 200,
      lost: 2,
      lossOutcomes: { timeout: 2 },
      lostTimeMs: 15,
      bursts: 1,
      outageMs: 15,
      longestGapMs: 20,
      servedBy: { "echo-a": 98, "echo-b": 100 },
      prober: { latenessP99Ms: 1, controlSent: 20, controlLost: 0, cpuShare: 0.1 },
    };
  },
}));
vi.mock("#harness/lab/preflight.ts", () => ({ mustBuild: async () => false, preflight: async () => {} }));
vi.mock("#harness/lab/up.ts", () => ({
  up: async () => ({ state: exampleLabState(), did: "created", times: { kindMs: 1200, totalMs: 3400 } }),
}));
vi.mock("#harness/lab/down.ts", () => ({
  downAll: async () => [],
  downForeign: async () => [],
  downLab: async () => ["lab default"],
}));
vi.mock("#harness/lab/images.ts", () => ({ saveArchive: async () => {} }));
vi.mock("#harness/jobs/repro/bundle.ts", () => ({
  bundle: async () => ["lab.yaml"],
  unpackBundle: async () => ({ labFile: "/out/lab.yaml", faults: ["vxlan-drop"] }),
}));
vi.mock("#harness/cluster/cluster.ts", () => ({
  clusterOf: (_: object, name: string) => ({ name, kubeconfig: `/k/${name}`, context: name }),
}));
vi.mock("#harness/jobs/test-context.ts", () => ({ writeContext: async () => {} }));
vi.mock("#harness/config/user-file.ts", async (original) => ({
  ...(await original<object>()),
  checkWritable: () => {},
}));

const { Interruption } = await import("#harness/jobs/interruption.ts");
const { stderr, stdout } = await import("#harness/platform/output.ts");
const { programOf } = await import("./main.ts");
const { Session } = await import("./session.ts");

let out = "";
let err = "";
beforeEach(() => {
  out = "";
  err = "";
  const text = (pieces: readonly unknown[]) => pieces.map((p) => (typeof p === "string" ? p : "")).join("");
  vi.spyOn(stdout, "print").mockImplementation((...pieces) => {
    out += text(pieces);
  });
  vi.spyOn(stderr, "print").mockImplementation((...pieces) => {
    err += text(pieces);
  });
});

const run = (...argv: readonly string[]) =>
  programOf(new Session(new Interruption(), "npm run mesh")).parseAsync([...argv], { from: "user" });

test.each([
  ["heal", ["heal"], { healed: ["vxlan-drop"] }],
  ["inject", ["inject", "vxlan-drop"], { fault: "vxlan-drop", subject: "east-worker", interrupted: false }],
  ["probe", ["probe", "10.0.0.1:80", "--from", "east"], { from: "east/worker", sent: 200, lost: 2 }],
  ["up", ["up"], { lab: "paper", did: "created", clusters: [{ name: "east", kubeconfig: "/k/east" }, {}] }],
  ["down", ["down"], { removed: ["lab default"] }],
  ["images save", ["images", "save", "a.tar"], { archive: "a.tar" }],
  ["bundle", ["bundle", "a.zip"], { file: "a.zip", packed: ["lab.yaml"] }],
  ["repro of a bundle", ["repro", "a.zip", "--plan"], { labFile: "/out/lab.yaml", faults: ["vxlan-drop"] }],
  ["test --write-context", ["test", "--write-context", "run.json"], { context: "run.json" }],
])("`%s --json` prints one document on standard output, and nothing else", async (_, argv, document) => {
  await run(...argv, "--json");
  expect(JSON.parse(out)).toMatchObject(document);
});

test.each([
  ["heal", ["heal"], "healed vxlan-drop"],
  ["inject", ["inject", "vxlan-drop"], "vxlan-drop: drops (east-worker); until Ctrl-C or `heal`\nhealed"],
  ["probe", ["probe", "10.0.0.1:80", "--from", "east"], "200 requests, 2 lost (2 timeout)"],
  ["up", ["up"], "lab paper: created\nkindMs=1200 totalMs=3400\neast: kubectl"],
])("`%s` prints lines for a person without it", async (_, argv, text) => {
  await run(...argv);
  expect(out).toContain(text);
  expect(err).toBe("");
});

test("with --json what a person reads meanwhile goes to standard error", async () => {
  await run("inject", "vxlan-drop", "--for", "30s", "--json");
  expect(err).toContain("vxlan-drop: drops (east-worker); healing in 30s");
});

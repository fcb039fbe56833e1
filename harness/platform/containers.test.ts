import { afterEach, expect, test, vi } from "vitest";
import { removeOutsideClients, startOutsideClient, startRouter } from "./containers.ts";
import { ensureNetwork } from "./docker.ts";
import { currentOwner, labLabels } from "./owner.ts";

/** Containers and networks of another owner's lab of the same name, with its router. */
const theirs = {
  "io.meshproof.lab": "seed",
  "io.meshproof.owner": "bob-01234567",
  "io.meshproof.router": "seed",
};
const ran: string[][] = [];
const made: Record<string, string>[] = [];

vi.mock("./command.ts", async (original) => {
  const command = async (_program: string, argv: readonly string[]) => {
    ran.push([...argv]);
    const answer = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });
    if (argv[0] === "ps") {
      const filters = argv.filter((a) => a.startsWith("label=")).map((a) => a.slice("label=".length));
      const labels = Object.entries(theirs).map(([key, value]) => `${key}=${value}`);
      return answer(filters.every((f) => labels.includes(f)) ? "their-router" : "");
    }
    if (argv.includes("{{.State.Running}}")) return answer("true");
    if (argv.includes("{{json .Labels}}")) return answer(JSON.stringify(theirs));
    return answer("1");
  };
  const output = async (program: string, argv: readonly string[]) => (await command(program, argv)).stdout;
  return { ...(await original<object>()), command, output };
});
vi.mock("testcontainers", () => {
  const container = {
    withPullPolicy: () => container,
    withNetworkMode: () => container,
    withLabels: (labels: Record<string, string>) => {
      made.push(labels);
      return container;
    },
    withCommand: () => container,
    start: async () => ({ getId: () => "our-container" }),
  };
  return {
    GenericContainer: class {
      withPullPolicy = container.withPullPolicy;
    },
  };
});
afterEach(() => {
  ran.length = 0;
  made.length = 0;
});

test("the router of another owner's lab of the same name is not used, and not removed", async () => {
  expect(await startRouter("seed", ["a", "b"], "image")).toBe("our-container");
  expect(ran.filter((argv) => argv.includes("their-router"))).toEqual([]);
  expect(made).toEqual([{ ...labLabels("seed"), "io.meshproof.router": "seed" }]);
});

test("a client outside the clusters has its owner's labels, by which a later command removes it", async () => {
  await startOutsideClient("seed", ["a"], "image");
  expect(made).toMatchObject([{ "io.meshproof.owner": currentOwner().id, "io.meshproof.client": "seed" }]);
  expect(await removeOutsideClients("seed")).toBe(0);
  const [listed] = ran.filter((argv) => argv[0] === "ps").map((argv) => argv.join(" "));
  for (const [key, value] of Object.entries(made[0] ?? {}))
    if (key !== "io.meshproof.state-folder") expect(listed).toContain(`label=${key}=${value}`);
  expect(ran.filter((argv) => argv[0] === "rm")).toEqual([]);
});

test("a network of another owner with the lab's name is refused", async () => {
  await expect(ensureNetwork("mp-x-seed", { labels: labLabels("seed"), ipv6: false })).rejects.toMatchObject({
    code: "lab-foreign",
    exitCode: 2,
  });
  await ensureNetwork("mp-x-seed", { labels: theirs, ipv6: false });
  expect(ran.filter((argv) => argv.includes("create"))).toEqual([]);
});

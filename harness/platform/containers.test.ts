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
/** What the daemon lists besides, by label; ids as `docker ps -q` shortens them. */
const listed = new Map<string, string>();
const ran: string[][] = [];
const made: Record<string, string>[] = [];

vi.mock("./command.ts", async (original) => {
  const command = async (_program: string, argv: readonly string[]) => {
    ran.push([...argv]);
    const answer = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });
    if (argv[0] === "ps") {
      const filters = argv.filter((a) => a.startsWith("label=")).map((a) => a.slice("label=".length));
      const shortIds = filters.flatMap((f) => listed.get(f) ?? []);
      if (shortIds.length > 0) return answer(shortIds.join("\n"));
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
    start: async () => ({ getId: () => "our-container", stop: async () => {} }),
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
  listed.clear();
});

test("the router of another owner's lab of the same name is not used, and not removed", async () => {
  expect(await startRouter("seed", ["a", "b"], "image")).toBe("our-container");
  expect(ran.filter((argv) => argv.includes("their-router"))).toEqual([]);
  expect(made).toEqual([{ ...labLabels("seed"), "io.meshproof.router": "seed" }]);
});

test("a client outside the clusters has its owner's labels", async () => {
  await using _client = await startOutsideClient("seed", ["a"], "image");
  expect(made).toMatchObject([{ "io.meshproof.owner": currentOwner().id, "io.meshproof.client": "seed" }]);
});

test("clients that killed commands left are removed, and those of this process only once they have ended", async () => {
  const removed = (): string[] => ran.filter((argv) => argv[0] === "rm").flatMap((argv) => argv.slice(3));
  listed.set("io.meshproof.client=seed", "our-cont\nleft-behind");
  const client = await startOutsideClient("seed", ["a"], "image");
  expect(await removeOutsideClients("seed")).toBe(1);
  expect(removed()).toEqual(["left-behind"]);
  await client[Symbol.asyncDispose]();
  expect(await removeOutsideClients("seed")).toBe(2);
  // The lab of another owner has its own.
  const asked = ran.filter((argv) => argv[0] === "ps").map((argv) => argv.join(" "));
  expect(asked.every((line) => line.includes(`label=io.meshproof.owner=${currentOwner().id}`))).toBe(true);
});

test("a network of another owner with the lab's name is refused", async () => {
  await expect(ensureNetwork("mp-x-seed", { labels: labLabels("seed"), ipv6: false })).rejects.toMatchObject({
    code: "lab-foreign",
    exitCode: 2,
  });
  await ensureNetwork("mp-x-seed", { labels: theirs, ipv6: false });
  expect(ran.filter((argv) => argv.includes("create"))).toEqual([]);
});

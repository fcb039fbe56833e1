import type { StartedTestContainer } from "testcontainers";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { command, output } from "./command.ts";
import { execIn, listByLabels, removeContainers } from "./docker.ts";
import { labFilters, labLabels } from "./owner.ts";

// Its reaper is an image that may be out of reach; the lab's labels and `down --all` do that work.
process.env.TESTCONTAINERS_RYUK_DISABLED = "true";

const neverPull = new (class {
  shouldPull(): boolean {
    return false;
  }
})();

/** A container on every network of a lab; the prober's image, idle. */
async function startBeside(
  lab: string,
  networks: readonly string[],
  image: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<StartedTestContainer> {
  // Loaded here: listing suites imports this file and starts nothing.
  const { GenericContainer } = await import("testcontainers");
  const [first, ...others] = networks;
  const container = await new GenericContainer(image)
    .withPullPolicy(neverPull)
    .withNetworkMode(found(first, `network of lab ${lab}`))
    .withLabels({ ...labLabels(lab), ...labels })
    .withCommand(["idle"])
    .start();
  for (const network of others) await command("docker", ["network", "connect", network, container.getId()]);
  return container;
}

const routerLabel = "io.meshproof.router";

/** The container that forwards between a lab's networks, started where it is missing; it lives as long as the lab. */
export async function startRouter(lab: string, networks: readonly string[], image: string): Promise<string> {
  for (const id of await listByLabels("container", [`${routerLabel}=${lab}`, ...labFilters(lab)])) {
    if ((await output("docker", ["inspect", "--format", "{{.State.Running}}", id])).trim() === "true")
      return id;
    await removeContainers([id]);
  }
  const router = (await startBeside(lab, networks, image, { [routerLabel]: lab })).getId();
  // Docker switches it on for the host, and containers inherit it.
  const forwards = (await execIn(router, ["cat", "/proc/sys/net/ipv4/ip_forward"])).stdout.trim();
  if (forwards !== "1")
    throw new MeshproofError("lab-broken", "the router between the lab's networks does not forward IPv4", {
      remedy: "set net.ipv4.ip_forward=1 on the host and create the lab anew",
    });
  return router;
}

/** A client on the lab's networks that belongs to no cluster. */
export async function startOutsideClient(
  lab: string,
  networks: readonly string[],
  proberImage: string,
): Promise<{ readonly id: string } & AsyncDisposable> {
  const container = await startBeside(lab, networks, proberImage);
  // Eight times a node's weight: the client must not wait for what it measures.
  await command("docker", ["update", "--cpu-shares", "8192", container.getId()]);
  return {
    id: container.getId(),
    async [Symbol.asyncDispose]() {
      await container.stop({ timeout: 1000, remove: true, removeVolumes: true });
    },
  };
}

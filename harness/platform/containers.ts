import type { StartedTestContainer } from "testcontainers";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { command, output } from "./command.ts";
import { execIn, listByLabels, removeContainers } from "./docker.ts";
import { labFilters, labLabels } from "./owner.ts";

// The reaper's image may be unavailable; the lab's labels and `down --all` replace it.
process.env.TESTCONTAINERS_RYUK_DISABLED = "true";

const neverPull = new (class {
  shouldPull(): boolean {
    return false;
  }
})();

/** An idle container of the prober's image on every network of a lab. */
async function startBeside(
  lab: string,
  networks: readonly string[],
  image: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<StartedTestContainer> {
  // Loaded lazily, because listing suites imports this file without starting a container.
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

/** The container that routes between a lab's networks; started if missing, removed with the lab. */
export async function startRouter(lab: string, networks: readonly string[], image: string): Promise<string> {
  for (const id of await listByLabels("container", [`${routerLabel}=${lab}`, ...labFilters(lab)])) {
    if ((await output("docker", ["inspect", "--format", "{{.State.Running}}", id])).trim() === "true")
      return id;
    await removeContainers([id]);
  }
  const router = (await startBeside(lab, networks, image, { [routerLabel]: lab })).getId();
  // Docker enables it on the host, and containers inherit it.
  const forwards = (await execIn(router, ["cat", "/proc/sys/net/ipv4/ip_forward"])).stdout.trim();
  if (forwards !== "1")
    throw new MeshproofError("lab-broken", "the router between the lab's networks does not forward IPv4", {
      remedy: "set net.ipv4.ip_forward=1 on the host and create the lab again",
    });
  return router;
}

const clientLabel = "io.meshproof.client";
/** Ids of this process's own: a certification opens its lab again for suites, while its traffic runs. */
const running = new Set<string>();

/**
 * Removes the clients outside the clusters that killed commands left, and counts them. Call it under the lab's lock, which
 * commands of other processes do not share.
 */
export async function removeOutsideClients(lab: string): Promise<number> {
  const listed = await listByLabels("container", [`${clientLabel}=${lab}`, ...labFilters(lab)]);
  // Docker lists the beginning of an id.
  const left = listed.filter((id) => ![...running].some((own) => own.startsWith(id)));
  await removeContainers(left);
  return left.length;
}

/** A client on the lab's networks outside every cluster. */
export async function startOutsideClient(
  lab: string,
  networks: readonly string[],
  proberImage: string,
): Promise<{ readonly id: string } & AsyncDisposable> {
  const container = await startBeside(lab, networks, proberImage, { [clientLabel]: lab });
  const id = container.getId();
  running.add(id);
  // Eight times a node's weight, so that the client does not wait for the processes that it measures.
  await command("docker", ["update", "--cpu-shares", "8192", id]);
  return {
    id,
    async [Symbol.asyncDispose]() {
      await container.stop({ timeout: 1000, remove: true, removeVolumes: true });
      running.delete(id);
    },
  };
}

import { z } from "zod";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { SampleOutcome } from "#harness/model/history.ts";
import type { SampledBackends } from "./sampling.ts";

/** The outcomes of agnhost's `connect` (test/images/agnhost/connect). */
const outcomes: Readonly<Record<string, SampleOutcome>> = { TIMEOUT: "timeout", REFUSED: "refused" };

/** Timeout of one request to `/dial`, however many connections it makes. */
const dialMs = 30_000;

interface Target {
  readonly ip: string;
  readonly port: number;
  /** TCP if absent. */
  readonly protocol?: "TCP" | "UDP";
}

/** One TCP connection from a stand-in pod, made by its echo program. */
export async function connectFrom(
  cluster: Cluster,
  pod: { readonly namespace: string; readonly name: string; readonly container: string },
  { ip, port }: Target,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<{ readonly outcome: SampleOutcome; readonly detail: string }> {
  const argv = ["/agnhost", "connect", `${ip}:${port}`, `--timeout=${timeoutMs}ms`, "--protocol=tcp"];
  const end = await cluster.kube.exec(
    { namespace: pod.namespace, pod: pod.name, container: pod.container, argv },
    { signal, timeoutMs: timeoutMs + 20_000 },
  );
  if (end.exitCode === 0) return { outcome: "ok", detail: "" };
  const word = end.stderr.trim().split("\n").at(-1) ?? "";
  return { outcome: outcomes[word] ?? "error", detail: word.slice(0, 200) };
}

/** The response of agnhost's `/dial` (test/images/agnhost/netexec). */
const dialed = z.object({
  responses: z.array(z.string()).nullish(),
  errors: z.array(z.string()).nullish(),
});

/**
 * Responses that a stand-in pod, whose labels policies select, gets from a service, each on its own connection. Its
 * echo program sends the requests; only one if the first fails, because each failure takes five seconds.
 */
export async function sampleFrom(
  cluster: Cluster,
  pod: { readonly namespace: string; readonly name: string; readonly ports: readonly number[] },
  { ip, port, protocol = "TCP" }: Target,
  { count, signal }: { readonly count: number; readonly signal: AbortSignal },
): Promise<SampledBackends> {
  const route = `${cluster.name}/${pod.namespace}/${pod.name} -> ${ip}:${port}`;
  const firstPort = found(pod.ports[0], `port of stand-in ${pod.namespace}/${pod.name} in ${cluster.name}`);
  const dial = async (tries: number): Promise<SampledBackends> => {
    const used = protocol === "UDP" ? "udp" : "http";
    const path = `/dial?host=${ip}&port=${port}&protocol=${used}&request=hostname&tries=${tries}`;
    const where = { namespace: pod.namespace, pod: pod.name, port: firstPort, path };
    const within = AbortSignal.any([signal, AbortSignal.timeout(dialMs)]);
    try {
      const reported = dialed.parse(await cluster.kube.getJsonInPod(where, within));
      return {
        good: (reported.responses ?? []).map((name) => name.trim()),
        bad: (reported.errors ?? []).map((error) => `${route}: ${error}`),
      };
    } catch (error) {
      return { good: [], bad: [`${route}: ${messageOf(error)}`] };
    }
  };
  const first = await dial(1);
  return first.bad.length > 0 || first.good.length === 0 ? first : dial(count);
}

import { z } from "zod";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { SampleOutcome } from "#harness/model/history.ts";
import type { SampledBackends } from "./sampling.ts";

/** How agnhost's `connect` names what it met (test/images/agnhost/connect). */
const outcomes: Readonly<Record<string, SampleOutcome>> = { TIMEOUT: "timeout", REFUSED: "refused" };

/** For one request of `/dial`, however often it asks. */
const dialMs = 30_000;

interface Target {
  readonly ip: string;
  readonly port: number;
}

/** One TCP connection from a stand-in pod, made by the echo program itself. */
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

/** What agnhost's `/dial` answers (test/images/agnhost/netexec). */
const dialed = z.object({
  responses: z.array(z.string()).nullish(),
  errors: z.array(z.string()).nullish(),
});

/**
 * Answers that a stand-in pod gets of a service, each on a connection of its own: with the labels that policy knows it by.
 * Its echo program asks; the first one alone where that is not answered, for each waits five seconds.
 */
export async function sampleFrom(
  cluster: Cluster,
  pod: { readonly namespace: string; readonly name: string; readonly ports: readonly number[] },
  { ip, port }: Target,
  { count, signal }: { readonly count: number; readonly signal: AbortSignal },
): Promise<SampledBackends> {
  const way = `${cluster.name}/${pod.namespace}/${pod.name} -> ${ip}:${port}`;
  const own = found(pod.ports[0], `port of stand-in ${pod.namespace}/${pod.name} in ${cluster.name}`);
  const dial = async (tries: number): Promise<SampledBackends> => {
    const path = `/dial?host=${ip}&port=${port}&protocol=http&request=hostname&tries=${tries}`;
    const where = { namespace: pod.namespace, pod: pod.name, port: own, path };
    const within = AbortSignal.any([signal, AbortSignal.timeout(dialMs)]);
    try {
      const reported = dialed.parse(await cluster.kube.getJsonInPod(where, within));
      return {
        good: (reported.responses ?? []).map((name) => name.trim()),
        bad: (reported.errors ?? []).map((error) => `${way}: ${error}`),
      };
    } catch (error) {
      return { good: [], bad: [`${way}: ${messageOf(error)}`] };
    }
  };
  const first = await dial(1);
  return first.bad.length > 0 || first.good.length === 0 ? first : dial(count);
}

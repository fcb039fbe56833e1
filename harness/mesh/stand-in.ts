import type { Cluster } from "#harness/cluster/cluster.ts";
import type { SampleOutcome } from "#harness/core/history.ts";

/** How agnhost's `connect` names what it met (test/images/agnhost/connect). */
const outcomes: Readonly<Record<string, SampleOutcome>> = { TIMEOUT: "timeout", REFUSED: "refused" };

/** One TCP connection from a stand-in pod, made by the echo program itself. */
export async function connectFrom(
  cluster: Cluster,
  pod: { readonly namespace: string; readonly name: string; readonly container: string },
  ip: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ readonly outcome: SampleOutcome; readonly detail: string }> {
  const argv = ["/agnhost", "connect", `${ip}:${port}`, `--timeout=${timeoutMs}ms`, "--protocol=tcp"];
  const end = await cluster.kube.exec(pod.namespace, pod.name, pod.container, argv, {
    signal,
    timeoutMs: timeoutMs + 20_000,
  });
  if (end.exitCode === 0) return { outcome: "ok", detail: "" };
  const word = end.stderr.trim().split("\n").at(-1) ?? "";
  return { outcome: outcomes[word] ?? "error", detail: word.slice(0, 200) };
}

import type { EventState, PodState } from "#harness/model/mesh-snapshot.ts";

/** Why a pod cannot start: a sentence after its name, and the object that is missing, if it is one. */
export interface StartCause {
  readonly what: string;
  readonly missing?: { readonly kind: string; readonly name: string };
}

/** A longer text is not Kubernetes' own. */
const longest = 2000;

const kindNames: Readonly<Record<string, string>> = {
  secret: "Secret",
  configmap: "ConfigMap",
  persistentvolumeclaim: "PersistentVolumeClaim",
  serviceaccount: "ServiceAccount",
  priorityclass: "PriorityClass",
};

/** What a message of kubelet, of the scheduler or of a controller says is missing; undefined if it says nothing known. */
export function startCause(text: string): StartCause | undefined {
  const message = text.slice(0, longest);
  for (const [pattern, say] of patterns) {
    const found = pattern.exec(message);
    if (found !== null) return say(found);
  }
  return undefined;
}

type Pattern = readonly [RegExp, (found: RegExpExecArray) => StartCause];

const absent = (kind: string, name: string): StartCause => {
  const known = kindNames[kind.toLowerCase()] ?? kind;
  return { what: `waits for ${known} ${name}, which does not exist`, missing: { kind: known, name } };
};

/** kubelet, the scheduler and the controllers of Kubernetes write these; the first that fits counts. */
const patterns: readonly Pattern[] = [
  [
    /\b(secret|configmap|persistentvolumeclaim|serviceaccount)s? "([^"]{1,253})" not found/i,
    ([, kind = "", name = ""]) => absent(kind, name),
  ],
  [/no PriorityClass with name (\S{1,253}) was found/, ([, name = ""]) => absent("PriorityClass", name)],
  [
    /couldn't find key (\S{1,253}) in (Secret|ConfigMap) (?:[\w.-]+\/)?([\w.-]{1,253})/,
    ([, key = "", kind = "", name = ""]) => ({
      what: `waits for key ${key} of ${kind} ${name}, which does not have it`,
      missing: { kind, name },
    }),
  ],
  [
    /volume "([^"]{1,253})" : references non-existent (secret|config) key: (\S{1,253})/,
    ([, volume = "", kind = "", key = ""]) => ({
      what: `waits for key ${key} of the ${kind === "secret" ? "Secret" : "ConfigMap"} of volume ${volume}, which does not have it`,
    }),
  ],
  [
    /Container image "([^"]{1,500})" is not present with pull policy of Never/,
    ([, image = ""]) => ({ what: `needs image ${image}, which its node does not have and may not pull` }),
  ],
  [
    /Failed to apply default image tag "([^"]{1,500})"/,
    ([, image = ""]) => ({ what: `needs image ${image}, whose name is invalid` }),
  ],
  [
    /(?:Failed to pull image|Back-off pulling image) "([^"]{1,500})"(?::(.{0,600}))?/s,
    ([, image = "", why = ""]) => ({
      what: `needs image ${image}, which cannot be pulled${pullReason(why)}`,
    }),
  ],
  [
    /exceeded quota: ([^,]{1,253}), requested: (.{1,200}?), used:/,
    ([, quota = "", wants = ""]) => ({
      what: `exceeds ResourceQuota ${quota} (it requests ${wants})`,
    }),
  ],
  [
    /violates PodSecurity "([^"]{1,100})": (.{1,200})/s,
    ([, level = "", why = ""]) => ({
      what: `violates the Pod Security level ${level} of its namespace: ${firstSentence(why)}`,
    }),
  ],
  [
    /violates PodSecurity "([^"]{1,100})"/,
    ([, level = ""]) => ({ what: `violates the Pod Security level ${level} of its namespace` }),
  ],
  [
    /admission webhook "([^"]{1,253})" denied the request(.{0,200})/s,
    ([, webhook = "", why = ""]) => ({
      what: `is refused by admission webhook ${webhook}${firstSentence(why)}`,
    }),
  ],
  [
    /failed calling webhook "([^"]{1,253})"/,
    ([, webhook = ""]) => ({
      what: `is not admitted, because admission webhook ${webhook} does not answer`,
    }),
  ],
  [
    /\d+\/\d+ nodes are available: (.{1,600})/s,
    ([, why = ""]) => ({
      what: `fits no node: ${
        why
          .split(/\. ?(?:preemption|no new claims)/)[0]
          ?.trim()
          .replace(/\.$/, "") ?? why
      }`,
    }),
  ],
  [
    /failed to (?:set ?up|setup) network for sandbox.{0,400}?: (.{1,200})$/s,
    ([, why = ""]) => ({
      what: `gets no network: ${firstSentence(why)}`,
    }),
  ],
];

function pullReason(why: string): string {
  if (/not found|manifest unknown|does not exist/i.test(why)) return ": no registry has it";
  if (/unauthorized|denied|forbidden|authentication required/i.test(why))
    return ": the registry refuses access";
  const network = /(no such host|i\/o timeout|connection refused|deadline exceeded|x509: [^"]{1,80})/.exec(
    why,
  )?.[1];
  return network === undefined ? "" : `: ${network}`;
}

const firstSentence = (text: string): string => (text.trim().split("\n")[0] ?? "").slice(0, 160);

/** States in which a container waits for its own turn, its volumes or its pod's network. */
const notYet = ["PodInitializing", "ContainerCreating"];

/**
 * Why a pod that is not ready cannot start, from its own status and the warnings about it; undefined if it has started,
 * or nothing says. A warning of an earlier attempt does not count once a container runs.
 */
export function podStartCause(pod: PodState, events: readonly EventState[]): StartCause | undefined {
  if (pod.ready || pod.ending || pod.ended === true) return undefined;
  const own = events
    .filter((e) => e.kind === "Pod" && e.name === pod.name && e.namespace === pod.namespace)
    .toSorted((a, b) => (a.at < b.at ? 1 : -1));
  const latest = (...reasons: readonly string[]): StartCause | undefined =>
    own
      .filter((e) => reasons.includes(e.reason))
      .map((e) => startCause(e.message))
      .find((c) => c !== undefined);
  if (pod.node === "")
    return (
      (pod.unscheduled === undefined ? undefined : startCause(pod.unscheduled)) ?? latest("FailedScheduling")
    );
  const stuck = (pod.waiting ?? []).find((w) => ![...notYet, "CrashLoopBackOff"].includes(w.reason));
  if (stuck !== undefined) {
    const imaged = /Image/.test(stuck.reason) && stuck.image !== "";
    // The event of the pull says why; the status of a container that backs off may not.
    const pulled = latest("Failed");
    return imaged && pulled?.what.includes(stuck.image) === true
      ? pulled
      : (startCause(stuck.message) ??
          pulled ??
          (imaged ? { what: `needs image ${stuck.image}, which cannot be pulled` } : undefined));
  }
  const started = pod.containers.some(
    (c) => c.ready || c.restarts > 0 || !["", ...notYet].includes(c.trouble),
  );
  if (started) return undefined;
  // Of a pod of another user only its readiness is known: it may be running.
  if (pod.containers.length > 0 && pod.waiting === undefined) return undefined;
  return latest("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Failed");
}

interface Workload {
  readonly kind?: string;
  readonly namespace: string;
  readonly name: string;
}

/** What its controller, or that of a Deployment's ReplicaSet, says of pods that it cannot create; the latest first. */
export const creationFailures = (
  { kind, namespace, name }: Workload,
  events: readonly EventState[],
): EventState[] =>
  events
    .filter(
      (e) =>
        e.reason === "FailedCreate" &&
        e.namespace === namespace &&
        // The names of other workloads may begin with that of a DaemonSet.
        (e.name === name || (kind !== "DaemonSet" && e.name.startsWith(`${name}-`))),
    )
    .toSorted((a, b) => (a.at < b.at ? 1 : -1));

/** Why a controller cannot create a workload's pods. */
export const creationCause = (workload: Workload, events: readonly EventState[]): StartCause | undefined =>
  creationFailures(workload, events)
    .map((e) => startCause(e.message))
    .find((c) => c !== undefined);

/** The words by which the API server refuses a pod, without the reasons: these quote the pod. */
const refused: readonly RegExp[] = [
  /failed calling webhook "[^"]{1,253}"/,
  /admission webhook "[^"]{1,253}" denied the request/,
  /exceeded quota: [\w.-]{1,253}, requested: [\w./=,-]{1,200}, used:/,
  /violates PodSecurity "[^"]{1,100}"/,
];

/** Texts that may be kept of a warning about another user's object: the part that says what is missing or refuses it. */
export function withoutDetails(message: string): string {
  const kept = [...patterns.slice(0, 4).map(([pattern]) => pattern), ...refused].map(
    (pattern) => pattern.exec(message.slice(0, longest))?.[0],
  );
  return kept.find((text) => text !== undefined) ?? "";
}

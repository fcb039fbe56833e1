import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { notRebuilt } from "./part.ts";
import { groupOf, nameOf, placesWhere } from "./unwrap.ts";
import { at } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Fields of the notes below, with what to give in place of such an object. */
export const objectDoubts = {
  "policies in other objects": "give what it made: kubectl get cnp,ccnp,netpol -A -o yaml",
  "policies in templates": "give what it made: kubectl get cnp,ccnp,netpol -A -o yaml",
  "policies of another API": "judge it by its own documentation: Cilium's releases say nothing of it",
  "certificates of the mesh":
    "give the Secret with its certificate: kubectl -n kube-system get secret NAME -o yaml",
} as const;

const policyKind = /^(Cilium(Clusterwide)?)?NetworkPolicy$/;
const policyText = /^\s*kind:\s*["']?(Cilium(Clusterwide)?)?NetworkPolicy\b/m;

const isPolicy = (value: unknown): boolean =>
  typeof value === "string"
    ? policyText.test(value)
    : isMapping(value) &&
      policyKind.test(String(value.kind)) &&
      ["spec", "specs", "data", "clone"].some((key) => value[key] !== undefined);

/** What an object stands for, and is not: policies that a program makes of it, certificates that it asks for. */
export function doubtsOf(document: Values, path: string): Note[] {
  return [...policiesIn(document, path), ...otherPolicies(document, path), ...askedFor(document, path)];
}

/** Kyverno, Espejo, Open Cluster Management, and all that hold objects for other namespaces or clusters. */
function policiesIn(document: Values, path: string): Note[] {
  const { kind, metadata: _m, status: _s, ...rest } = document;
  if (kind === "CustomResourceDefinition" || policyKind.test(String(kind))) return [];
  const places = placesWhere(rest, isPolicy, "", 0);
  return places.length === 0
    ? []
    : [
        doubt(
          "policies in other objects",
          `${nameOf(document)} in ${path} gives a policy to namespaces or clusters (${places.slice(0, 3).join(", ")})`,
        ),
      ];
}

const otherPolicies = (document: Values, path: string): Note[] =>
  groupOf(document.apiVersion) === "policy.networking.k8s.io" && document.kind !== "ClusterNetworkPolicy"
    ? [doubt("policies of another API", `${nameOf(document)} in ${path}`)]
    : [];

const meshSecret = /^(cilium-ca|clustermesh-apiserver-.*-cert|cilium-clustermesh|cilium-kvstoremesh)$/;

/** Objects of which another program makes a Secret. */
function askedFor(document: Values, path: string): Note[] {
  const { kind } = document;
  const isOfCertManager = kind === "Certificate" && groupOf(document.apiVersion) === "cert-manager.io";
  const secret = isOfCertManager
    ? at(document, "spec.secretName")
    : ["ExternalSecret", "SealedSecret", "VaultStaticSecret", "VaultPKISecret"].includes(String(kind))
      ? (at(document, "spec.target.name") ??
        at(document, "spec.destination.name") ??
        at(document, "metadata.name"))
      : undefined;
  if (!meshSecret.test(String(secret)) || at(document, "status.notAfter") !== undefined) return [];
  return [
    doubt(
      "certificates of the mesh",
      `${nameOf(document)} in ${path} only asks for Secret ${String(secret)}`,
    ),
  ];
}

const doubt = (field: keyof typeof objectDoubts, inSource: string): Note =>
  notRebuilt(field, inSource, objectDoubts[field]);

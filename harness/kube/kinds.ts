/** Any Kubernetes object, as JSON. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    uid?: string;
    resourceVersion?: string;
    /** RFC 3339, as the API server writes it. */
    creationTimestamp?: string;
    deletionTimestamp?: string;
    generation?: number;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind; readers check the fields that they use.
  [field: string]: any;
}

export interface KindRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const kindRef = (apiVersion: string, kind: string, plural: string, namespaced = true): KindRef => ({
  apiVersion,
  kind,
  plural,
  namespaced,
});

/** The kinds that the harness reads or writes. */
export const kinds = {
  node: kindRef("v1", "Node", "nodes", false),
  namespace: kindRef("v1", "Namespace", "namespaces", false),
  pod: kindRef("v1", "Pod", "pods"),
  service: kindRef("v1", "Service", "services"),
  secret: kindRef("v1", "Secret", "secrets"),
  configMap: kindRef("v1", "ConfigMap", "configmaps"),
  event: kindRef("v1", "Event", "events"),
  deployment: kindRef("apps/v1", "Deployment", "deployments"),
  daemonSet: kindRef("apps/v1", "DaemonSet", "daemonsets"),
  lease: kindRef("coordination.k8s.io/v1", "Lease", "leases"),
  endpointSlice: kindRef("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
  crd: kindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
  validatingWebhook: kindRef(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    false,
  ),
  mutatingWebhook: kindRef(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    false,
  ),
  ciliumNode: kindRef("cilium.io/v2", "CiliumNode", "ciliumnodes", false),
  ciliumNodeConfig: kindRef("cilium.io/v2", "CiliumNodeConfig", "ciliumnodeconfigs"),
  ciliumCidrGroup: kindRef("cilium.io/v2", "CiliumCIDRGroup", "ciliumcidrgroups", false),
  ciliumL2AnnouncementPolicy: kindRef(
    "cilium.io/v2alpha1",
    "CiliumL2AnnouncementPolicy",
    "ciliuml2announcementpolicies",
    false,
  ),
  ciliumBgpAdvertisement: kindRef("cilium.io/v2", "CiliumBGPAdvertisement", "ciliumbgpadvertisements", false),
  ciliumBgpPeeringPolicy: kindRef(
    "cilium.io/v2alpha1",
    "CiliumBGPPeeringPolicy",
    "ciliumbgppeeringpolicies",
    false,
  ),
  ciliumEndpoint: kindRef("cilium.io/v2", "CiliumEndpoint", "ciliumendpoints"),
  ciliumIdentity: kindRef("cilium.io/v2", "CiliumIdentity", "ciliumidentities", false),
  serviceExport: kindRef("multicluster.x-k8s.io/v1alpha1", "ServiceExport", "serviceexports"),
  serviceImport: kindRef("multicluster.x-k8s.io/v1alpha1", "ServiceImport", "serviceimports"),
  networkPolicy: kindRef("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  ciliumNetworkPolicy: kindRef("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies"),
  ciliumClusterwideNetworkPolicy: kindRef(
    "cilium.io/v2",
    "CiliumClusterwideNetworkPolicy",
    "ciliumclusterwidenetworkpolicies",
    false,
  ),
} as const;

/** The API path of a group and version. */
export const apiRoot = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/** The path of all objects of a kind, in one namespace or in the whole cluster. */
export function collectionPath(kind: KindRef, namespace: string | undefined): string {
  const root = apiRoot(kind.apiVersion);
  return namespace === undefined || namespace === "" || !kind.namespaced
    ? `${root}/${kind.plural}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${kind.plural}`;
}

/** `namespace/name`, or the name alone. */
export function nameOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

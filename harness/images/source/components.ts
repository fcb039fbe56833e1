import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pins } from "#harness/config/pins.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { isAtLeast } from "#harness/lib/version.ts";

/** Commands of one Go module, built together. */
export interface GoComponent {
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** A local checkout to build instead of the module. */
  readonly checkout?: string;
  readonly packages: readonly string[];
  readonly tags?: readonly string[];
  /** Linker flags computed from the module's sources, because versions are link-time strings. */
  readonly ldflags?: (module: { revision: string; time: string }) => string;
  /** A main package of Meshproof's, built against the module. */
  readonly main?: string;
  /** Files that a module of our own gets when it is built; `key` names their content. */
  readonly generated?: { readonly key: string; write(dir: string): Promise<void> };
}

export const kindTool: GoComponent = {
  name: "kind",
  module: "sigs.k8s.io/kind",
  version: pins.kind,
  packages: ["."],
};

export const helmTool: GoComponent = {
  name: "helm",
  module: "helm.sh/helm/v3",
  version: pins.helm,
  packages: ["./cmd/helm"],
  ldflags: () => `-X helm.sh/helm/v3/internal/version.version=${pins.helm}`,
};

export const containerd: GoComponent = {
  name: "containerd",
  module: "github.com/containerd/containerd/v2",
  version: pins.containerd,
  packages: ["./cmd/containerd", "./cmd/ctr", "./cmd/containerd-shim-runc-v2"],
  tags: ["no_btrfs", "no_zfs", "no_devmapper", "no_aufs"],
  ldflags: (m) =>
    `-X github.com/containerd/containerd/v2/version.Version=${pins.containerd} -X github.com/containerd/containerd/v2/version.Revision=${m.revision}`,
};

export const cniPlugins: GoComponent = {
  name: "cni-plugins",
  module: "github.com/containernetworking/plugins",
  version: pins.cniPlugins,
  packages: [
    "./plugins/main/ptp",
    "./plugins/main/loopback",
    "./plugins/ipam/host-local",
    "./plugins/meta/portmap",
  ],
};

/**
 * A small registry to test the mirror path. It listens on every address, because nodes must reach it; blobs are on
 * disk.
 */
export const registryTool: GoComponent = {
  name: "registry",
  module: "github.com/google/go-containerregistry",
  version: pins.registryTool,
  packages: ["."],
  main: [
    "package main",
    "import (",
    '\t"log"',
    '\t"net/http"',
    '\t"os"',
    '\t"github.com/google/go-containerregistry/pkg/registry"',
    ")",
    "func main() {",
    "\tblobs := registry.NewDiskBlobHandler(os.Args[2])",
    "\tlog.Fatal(http.ListenAndServe(os.Args[1], registry.New(registry.WithBlobHandler(blobs))))",
    "}",
    "",
  ].join("\n"),
};

export function kubernetes(version: string): GoComponent {
  const [major, minor] = version.split(".");
  const at = "k8s.io/component-base/version";
  return {
    name: "kubernetes",
    module: "k8s.io/kubernetes",
    version: `v${version}`,
    packages: [
      "./cmd/kubeadm",
      "./cmd/kubelet",
      "./cmd/kubectl",
      "./cmd/kube-apiserver",
      "./cmd/kube-controller-manager",
      "./cmd/kube-scheduler",
      "./test/images/agnhost",
    ],
    ldflags: (m) =>
      [
        `-X ${at}.gitVersion=v${version}`,
        `-X ${at}.gitMajor=${major}`,
        `-X ${at}.gitMinor=${minor}`,
        `-X ${at}.gitTreeState=clean`,
        `-X ${at}.gitCommit=${m.revision}`,
        `-X ${at}.buildDate=${m.time}`,
      ].join(" "),
  };
}

/** The companion versions of a Kubernetes version, read from its kubeadm. */
export interface KubernetesCompanions {
  readonly etcd: string;
  readonly etcdImageTag: string;
  readonly coredns: string;
  readonly pause: string;
  readonly agnhostTag: string;
}

export async function companionsOf(kubernetesDir: string): Promise<KubernetesCompanions> {
  const constants = await readFile(join(kubernetesDir, "cmd/kubeadm/app/constants/constants.go"), "utf8");
  const find = (name: string): string => {
    const value = new RegExp(`\\b${name}\\s*=\\s*"([^"]+)"`).exec(constants)?.[1];
    if (value === undefined)
      throw new MeshproofError("build-failed", `kubeadm's constants.go names no ${name}`);
    return value;
  };
  const etcdImageTag = find("DefaultEtcdVersion");
  const ownCoredns = find("CoreDNSVersion");
  return {
    etcdImageTag,
    etcd: `v${etcdImageTag.replace(/-\d+$/, "")}`,
    coredns: isAtLeast(ownCoredns, pins.coredns) ? ownCoredns : pins.coredns,
    pause: find("PauseVersion"),
    agnhostTag: (await readFile(join(kubernetesDir, "test/images/agnhost/VERSION"), "utf8")).trim(),
  };
}

export function etcd(version: string): GoComponent {
  return { name: "etcd", module: "go.etcd.io/etcd/server/v3", version, packages: ["."] };
}

/** The plugins of kubeadm's Corefile and no others: the default set compiles three cloud SDKs. */
export function coredns(version: string): GoComponent {
  const plugins = [
    "errors",
    "health",
    "ready",
    "kubernetes",
    "metrics",
    "forward",
    "cache",
    "loop",
    "reload",
    "loadbalance",
  ];
  return {
    name: "coredns",
    module: "github.com/coredns/coredns",
    version,
    packages: ["."],
    main: [
      "package main",
      "import (",
      ...plugins.map((p) => `\t_ "github.com/coredns/coredns/plugin/${p}"`),
      '\t"github.com/coredns/coredns/coremain"',
      ")",
      "func main() { coremain.Run() }",
      "",
    ].join("\n"),
  };
}

export const ciliumModule = "github.com/cilium/cilium";

/** The agent's side and the operator: two builds, because the operator's build tag changes what is compiled. */
export function cilium(version: string, checkout?: string): readonly [GoComponent, GoComponent] {
  const base = {
    module: ciliumModule,
    version: `v${version}`,
    ...(checkout === undefined ? {} : { checkout }),
    ldflags: (m: { revision: string; time: string }) =>
      `-X "${ciliumModule}/pkg/version.ciliumVersion=${version} ${m.revision} ${m.time}"`,
  };
  return [
    {
      ...base,
      name: "cilium",
      packages: [
        "./daemon",
        "./cilium-dbg",
        "./cilium-health",
        "./cilium-health/responder",
        "./bugtool",
        "./plugins/cilium-cni",
        "./tools/mount",
        "./tools/sysctlfix",
        "./clustermesh-apiserver",
      ],
    },
    { ...base, name: "cilium-operator", packages: ["./operator"], tags: ["ipam_provider_operator"] },
  ];
}

/**
 * Compile times on two cores from an empty cache, measured with `npm run bench -- images`: estimates for a first run.
 */
export const firstEstimateMs: Readonly<Record<string, number>> = {
  kubernetes: 330_000,
  cilium: 350_000,
  "cilium-operator": 25_000,
  helm: 66_000,
  containerd: 54_000,
  coredns: 40_000,
  etcd: 25_000,
  kind: 8_000,
  "cni-plugins": 6_000,
  "cilium-cli": 600_000,
  "Debian root node": 120_000,
  "Debian root agent": 150_000,
  "Debian root prober": 60_000,
};

import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { type ClusterSettings, readSetting, type SettingChange } from "./setting-changes.ts";

/** Values under which the chart lets agents configure Envoy; templates/cilium-configmap.yaml:269 of 1.20.2. */
const features = [
  { value: "envoyConfig.enabled", is: "true" },
  { value: "ingressController.enabled", is: "true" },
  { value: "gatewayAPI.enabled", is: "true" },
  { value: "loadBalancer.l7.backend", is: "envoy" },
] as const;

/** Of a port rule: what Envoy does and not eBPF or the DNS proxy; `L7Rules` and `PortRule` in pkg/policy/api/l4.go@1.20.2. */
const byEnvoy = ["terminatingTLS", "originatingTLS", "serverNames", "listener"];
const rulesByEnvoy = ["http", "kafka", "l7", "l7proto"];

const isEnvoys = (port: Record<string, unknown>): boolean =>
  byEnvoy.some((key) => port[key] !== undefined && port[key] !== null) ||
  (isMapping(port.rules) && rulesByEnvoy.some((key) => key in (port.rules as object)));

const needsEnvoy = ({ kind, specs }: UserPolicy): boolean =>
  kind !== "NetworkPolicy" &&
  specs.some(({ spec }) =>
    Object.values(spec).some((rules) =>
      mappingsIn(rules).some((rule) => mappingsIn(rule.toPorts).some(isEnvoys)),
    ),
  );

/** Whether anything in a cluster's settings and policies is Envoy's work. */
export const usesEnvoy = (of: ClusterSettings, policies: readonly UserPolicy[]): boolean =>
  of.config?.["enable-envoy-config"] === "true" ||
  features.some(({ value, is }) => readSetting({ value, chart: undefined }, of) === is) ||
  policies.some(needsEnvoy);

/** A change of what Envoy does, where nothing uses it. */
export const withoutEnvoy = (change: SettingChange): SettingChange =>
  change.row.ofEnvoy === true
    ? {
        ...change,
        row: {
          ...change.row,
          kind: "internal",
          means: `${change.row.means}; nothing that was read uses Envoy`,
        },
      }
    : change;

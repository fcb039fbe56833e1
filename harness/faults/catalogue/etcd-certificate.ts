import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { labCa, serverCertificate } from "#harness/cilium/install/ca.ts";
import { externalEtcd } from "#harness/cilium/install/profiles/external-etcd.ts";
import { reconnectAgents, renewPods } from "#harness/cilium/install/reconnect.ts";
import { kinds } from "#harness/kube/kube.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Fault } from "../fault.ts";
import { agentsWhere, noticed } from "./noticed.ts";
import { firstTwo } from "./victim.ts";

/**
 * Cilium 1.6's guide requires an etcd certificate with `*.mesh.cilium.io`. The cluster's own agents connect by
 * address, so a certificate without that name does not affect them. etcd reads its certificate for every new
 * connection, so it needs no restart and keeps its data.
 */
export const etcdCertificateFault: Fault = {
  name: "etcd-certificate-name",
  group: "trust",
  needs: "an external etcd",
  does: "gives the second cluster's etcd a certificate without *.mesh.cilium.io, the name by which the others connect",
  async inject(ctx) {
    const [first, second] = firstTwo(ctx);
    const { server, selector, ca } = externalEtcd;
    const secret = await second.kube.get(kinds.secret, "kube-system", server);
    const [pod] = await second.kube.list(kinds.pod, "kube-system", selector);
    if (secret === undefined || pod === undefined)
      throw new MeshproofError("fault-no-effect", `${second.name} has no etcd of its own`);
    const { "tls.crt": cert, "tls.key": key } = secret.data as Record<string, string>;
    const node = found(
      (await second.nodes()).find((n) => n.name === pod.spec.nodeName),
      `node ${pod.spec.nodeName} in cluster ${second.name}`,
    );
    const day = 86_400_000;
    const nameless = await serverCertificate(
      await labCa(ctx.mesh.state.lab, ca(second.name)),
      second.name,
      { ips: [node.address, "127.0.0.1"] },
      { fromMs: Date.now() - day, untilMs: Date.now() + 365 * day },
    );
    const at = { cluster: second.name, namespace: "kube-system" };
    await ctx.recordUndo(
      { do: "await-mesh" },
      // Makes kubelet update the mounted secret now.
      {
        do: "merge",
        kind: "pod",
        name: pod.metadata.name,
        patch: { metadata: { annotations: { "io.meshproof/renewed": null } } },
        ...at,
      },
      {
        do: "merge",
        kind: "secret",
        name: server,
        patch: { data: { "tls.crt": cert, "tls.key": key } },
        ...at,
      },
    );
    const encode = (text: string): string => Buffer.from(text).toString("base64");
    await second.kube.merge(kinds.secret, "kube-system", server, {
      data: { "tls.crt": encode(nameless.cert), "tls.key": encode(nameless.key) },
    });
    await renewPods(second, selector, wallLabel());
    return {
      subject: `the etcd of ${second.name}, by its name`,
      names: [second.name],
      tookHold: () =>
        noticed(
          `the agents of ${first.name} to lose ${second.name}`,
          ctx.signal,
          async () => {
            const keep = await agentsWhere(
              await agentsOf(first, ctx.signal),
              (c) => c.name === second.name && c.ready,
            );
            return keep.length === 0 ? undefined : `${keep.join(", ")} are still connected to it`;
          },
          async () => {
            await renewPods(second, selector, wallLabel());
            // An open connection does not check the certificate again.
            await reconnectAgents(first);
          },
        ),
    };
  },
};

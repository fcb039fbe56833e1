import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { labCa, serverCertificate } from "#harness/cilium/install/ca.ts";
import { externalEtcd } from "#harness/cilium/install/profiles/external-etcd.ts";
import { reconnectAgents, renewPods } from "#harness/cilium/install/reconnect.ts";
import { kinds } from "#harness/kube/kube.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Fault } from "../fault.ts";
import { having, noticed } from "./noticed.ts";
import { firstTwo } from "./victim.ts";

/**
 * Cilium 1.6's guide asks for an etcd certificate that holds `*.mesh.cilium.io`. Without it the cluster's own agents, which
 * go by address, notice nothing. etcd reads its certificate anew for every connection: it need not be restarted, and
 * keeps its data.
 */
export const etcdCertificateFault: Fault = {
  name: "etcd-certificate-name",
  group: "trust",
  needs: "an external etcd",
  does: "gives the second cluster's etcd a certificate without *.mesh.cilium.io, the name that the others know it by",
  async inject(ctx) {
    const [home, away] = firstTwo(ctx);
    const { server, selector, ca } = externalEtcd;
    const secret = await away.kube.get(kinds.secret, "kube-system", server);
    const [pod] = await away.kube.list(kinds.pod, "kube-system", selector);
    if (secret === undefined || pod === undefined)
      throw new MeshproofError("fault-no-effect", `${away.name} has no etcd of its own`);
    const { "tls.crt": cert, "tls.key": key } = secret.data as Record<string, string>;
    const node = found(
      (await away.nodes()).find((n) => n.name === pod.spec.nodeName),
      `node ${pod.spec.nodeName} in cluster ${away.name}`,
    );
    const day = 86_400_000;
    const nameless = await serverCertificate(
      await labCa(ctx.mesh.state.lab, ca(away.name)),
      away.name,
      { ips: [node.address, "127.0.0.1"] },
      { fromMs: Date.now() - day, untilMs: Date.now() + 365 * day },
    );
    const at = { cluster: away.name, namespace: "kube-system" };
    await ctx.recordUndo(
      { do: "await-mesh" },
      // Makes kubelet renew what is mounted, now.
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
    await away.kube.merge(kinds.secret, "kube-system", server, {
      data: { "tls.crt": encode(nameless.cert), "tls.key": encode(nameless.key) },
    });
    await renewPods(away, selector, wallLabel());
    return {
      subject: `the etcd of ${away.name}, by its name`,
      names: [away.name],
      tookHold: () =>
        noticed(
          `the agents of ${home.name} to lose ${away.name}`,
          ctx.signal,
          async () => {
            const keep = await having(
              await agentsOf(home, ctx.signal),
              (c) => c.name === away.name && c.ready,
            );
            return keep.length === 0 ? undefined : `${keep.join(", ")} still have it`;
          },
          async () => {
            await renewPods(away, selector, wallLabel());
            // A connection that stands is not asked for a certificate again.
            await reconnectAgents(home);
          },
        ),
    };
  },
};

import { expect, test } from "vitest";
import { readNodeFile, readNodeNeighbours } from "./node-file.ts";
import { readPrograms } from "./programs.ts";

test("neighbours: permanent entries that are not Cilium's, the node's own addresses, and MTUs", () => {
  const text = `# firewall
# network
default via 172.18.0.1 dev eth0
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
7: eth0@if8: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    link/ether 02:42:ac:12:00:03 brd ff:ff:ff:ff:ff:ff
    inet 172.18.0.3/16 brd 172.18.255.255 scope global eth0
# network
10.1.1.0/24 via 10.1.1.144 dev cilium_host proto kernel src 10.1.1.144
10.1.1.144 dev cilium_host proto kernel scope link
10.2.0.0/24 via 10.1.1.144 dev cilium_host proto kernel src 10.1.1.144 mtu 1450
172.18.0.4 dev eth0 lladdr 02:42:0a:de:ad:17 PERMANENT
172.18.0.5 dev eth0 lladdr 02:42:ac:12:00:05 extern_learn PERMANENT
172.18.0.6 dev eth0 lladdr 02:42:ac:12:00:06 REACHABLE
`;
  expect(readNodeNeighbours(text)).toEqual({
    permanent: [{ ip: "172.18.0.4", mac: "02:42:0a:de:ad:17", device: "eth0" }],
    own: [{ ip: "172.18.0.3", mac: "02:42:ac:12:00:03" }],
    devices: [{ name: "eth0", ips: ["172.18.0.3"], prefixes: ["172.18.0.3/16"], mtu: 1500 }],
    routeMtu: 1450,
  });
});

test("nftables: rules and policies that drop or refuse, of tables that neither iptables nor Kubernetes wrote", () => {
  const text = `# nftables
table ip filter {
	chain INPUT {
		ip saddr 10.0.0.1 counter packets 1 bytes 2 drop
	}
}
table inet firewalld {
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		tcp dport 22 accept
		log prefix "reject this" accept
		counter packets 12 bytes 900 reject with icmpx admin-prohibited
	}
	chain closed {
		type filter hook forward priority filter; policy drop;
	}
}
table ip kube-proxy {
	chain reject-chain {
		reject
	}
}
# network
`;
  expect(readNodeFile(text).rules).toEqual([
    {
      ...{ podIp: "", nft: "inet firewalld", packets: 12 },
      text: "filter_INPUT counter packets 12 bytes 900 reject with icmpx admin-prohibited",
    },
    {
      ...{ podIp: "", nft: "inet firewalld", packets: 0 },
      text: "closed type filter hook forward priority filter; policy drop;",
    },
  ]);
});

test("programs by device, from find and from bugtool's listing", () => {
  const live = `/sys/fs/bpf/cilium/devices/eth0/links/cil_to_netdev
/sys/fs/bpf/cilium/devices/eth0/links/cil_from_netdev
`;
  const listed = ` 400073 0 -rw-------  1 root root 0 Nov 21 09:25 /sys/fs/bpf/cilium/devices/eth0/links/cil_to_netdev
 400071 0 -rw-------  1 root root 0 Nov 21 09:25 /sys/fs/bpf/cilium/devices/eth0/links/cil_from_netdev
 655781 0 -rw-------  1 root root 0 Nov 21 09:51 /sys/fs/bpf/cilium/endpoints/3457/links/cil_from_container
`;
  const xdp = "/sys/fs/bpf/cilium/devices/eth0/links/cil_xdp_entry\n";
  expect(readPrograms(xdp)).toEqual([]);
  const expected = [{ device: "eth0", programs: ["cil_from_netdev", "cil_to_netdev"] }];
  expect(readPrograms(live)).toEqual(expected);
  expect(readPrograms(listed)).toEqual(expected);
});

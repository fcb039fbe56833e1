import { type Cluster, localNode } from "#harness/cluster/cluster.ts";
import { podProcess } from "#harness/cluster/kind/node-control.ts";
import { onNode } from "#harness/cluster/node.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Answers, FlowAsking } from "./flows.ts";

/**
 * Sends ICMP echo requests and prints `SENT_MS:1` for each that was answered, `SENT_MS:0` for others. Node.js opens no ICMP
 * sockets, and images have no ping; every node of a lab has Debian's essential packages, and with them Perl.
 */
const program = `
use Socket; use POSIX ();
my ($host, $count, $everyMs, $timeoutMs) = @ARGV;
socket(my $s, PF_INET, SOCK_RAW, 1) or die "socket: $!";
my $to = sockaddr_in(0, inet_aton($host));
my $id = $$ & 0xffff;
my $hz = POSIX::sysconf(&POSIX::_SC_CLK_TCK);
my $now = sub { (POSIX::times())[0] * 1000 / $hz };
my $start = $now->();
my (@sent, %got);
my $sum = sub { my $c = 0; $c += $_ for unpack("n*", $_[0]); $c = ($c >> 16) + ($c & 0xffff) while $c >> 16; ~$c & 0xffff };
my $read = sub {
  while (1) {
    my $left = ($_[0] - $now->()) / 1000;
    my $bits = ""; vec($bits, fileno($s), 1) = 1;
    return unless select($bits, undef, undef, $left < 0 ? 0 : $left);
    defined recv($s, my $packet, 2048, 0) or next;
    my ($type, undef, undef, $of, $seq) = unpack("CCnnn", substr($packet, 20));
    $got{$seq} = 1 if $type == 0 && $of == $id;
  }
};
for my $seq (0 .. $count - 1) {
  $read->($start + $seq * $everyMs);
  my $packet = pack("CCnnn", 8, 0, 0, $id, $seq);
  substr($packet, 2, 2) = pack("n", $sum->($packet));
  $sent[$seq] = $now->() - $start;
  send($s, $packet, 0, $to);
}
$read->($now->() + $timeoutMs);
print join(" ", map { $sent[$_] . ":" . ($got{$_} ? 1 : 0) } 0 .. $count - 1), "\\n";
`;

/** Echo requests of a pod to an address, from the pod's network namespace. Needs nodes on this machine. */
export async function pingFrom(
  {
    cluster,
    namespace,
    pod,
  }: { readonly cluster: Cluster; readonly namespace: string; readonly pod: string },
  host: string,
  { count, everyMs = 100, timeoutMs, signal }: FlowAsking,
): Promise<Answers> {
  const client = found(
    await cluster.kube.get(kinds.pod, namespace, pod),
    `pod ${namespace}/${pod} in ${cluster.name}`,
  );
  const node = localNode(cluster, String(client.spec.nodeName));
  const pid = found(
    await podProcess(node, String(client.metadata.uid), signal),
    `process of pod ${namespace}/${pod} on ${node.name}`,
  );
  const { stdout } = await onNode(
    node,
    [
      "nsenter",
      "-t",
      String(pid),
      "-n",
      "perl",
      "-e",
      program,
      ...[host, count, everyMs, timeoutMs].map(String),
    ],
    { signal, timeoutMs: 30_000 + count * everyMs + timeoutMs },
  );
  const answers = stdout.trim().split(/\s+/).map(answerOf);
  if (answers.length !== count)
    throw new MeshproofError(
      "probe-failed",
      `${cluster.name}/${pod} reported ${answers.length} of ${count} echo requests: ${stdout.slice(0, 200)}`,
    );
  return answers;
}

function answerOf(text: string): Answers[number] {
  const [, sentMs, answered] = /^([\d.]+):([01])$/.exec(text) ?? [];
  if (sentMs === undefined)
    throw new MeshproofError("probe-failed", `"${text.slice(0, 100)}" is no result of an echo request`);
  return {
    outcome: answered === "1" ? "ok" : "timeout",
    body: "",
    detail: "",
    ms: 0,
    sentMs: Number(sentMs),
  };
}

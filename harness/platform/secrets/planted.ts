/**
 * Fake secrets for tests, assembled at run time so that the repository contains nothing that looks like a secret.
 */
const letters = (seed: number, length: number, alphabet: string): string => {
  let state = seed;
  return Array.from({ length }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return alphabet[state % alphabet.length];
  }).join("");
};
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const alphanumeric = `${upper}${upper.toLowerCase()}0123456789`;
const random = (seed: number, length: number): string => letters(seed, length, alphanumeric);
const hex = (seed: number, length: number): string => letters(seed, length, "0123456789abcdef");
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const header = (edge: string, what: string): string => `-----${edge} ${what}-----`;

const keyBody = Array.from({ length: 12 }, (_, i) => random(i + 1, 64)).join("\n");
const wireguard = `${random(60, 42)}8=`;

export const pem = (what = "RSA PRIVATE KEY"): string =>
  `${header("BEGIN", what)}\n${keyBody}\n${header("END", what)}\n`;
export const certificate = `${header("BEGIN", "CERTIFICATE")}\n${keyBody}\n${header("END", "CERTIFICATE")}\n`;
export const jwt = `eyJ${random(2, 40)}.eyJ${random(3, 120)}.${random(4, 86)}`;
export const githubToken = `ghp_${random(5, 36)}`;

/** By name: a text that a report could contain, and the secret that must be redacted in it. */
export const planted: Readonly<Record<string, { readonly text: string; readonly secret: string }>> = {
  "a private key": { text: `before\n${pem()}after`, secret: random(3, 64) },
  "an encrypted private key": { text: pem("ENCRYPTED PRIVATE KEY"), secret: random(3, 64) },
  "a private key in JSON": { text: JSON.stringify({ key: pem("EC PRIVATE KEY") }), secret: random(3, 64) },
  "a private key whose end was cut off": { text: pem().slice(0, 500), secret: random(3, 64) },
  "a private key whose beginning was cut off": { text: pem().slice(200), secret: random(10, 64) },
  "an escaped private key whose beginning was cut off": {
    text: JSON.stringify(pem()).slice(200),
    secret: random(10, 64),
  },
  "a private key in base64": {
    text: `tls.crt: ${base64(certificate)}\ntls.key: ${base64(pem())}`,
    secret: base64(pem()).slice(200, 260),
  },
  "a private key in base64 under another name": {
    text: `"bundle": "${base64(`x${pem()}`)}"`,
    secret: base64(`x${pem()}`).slice(200, 260),
  },
  "a private key in wrapped base64": {
    text: base64(`${certificate}${pem()}`).replace(/.{76}/g, "$&\n    "),
    secret: base64(`${certificate}${pem()}`).slice(1400, 1440),
  },
  "a kubeconfig's key": {
    text: `users:\n- name: a\n  user:\n    client-key-data: ${base64(pem())}\n`,
    secret: base64(pem()).slice(40, 100),
  },
  "a kubeconfig's token": {
    text: `users:\n- name: a\n  user:\n    token: ${random(6, 40)}\n`,
    secret: random(6, 40),
  },
  "a service account's token": { text: `mounted ${jwt} into the pod`, secret: jwt.split(".")[2] ?? "" },
  "a bearer token": { text: `> Authorization: Bearer ${random(7, 30)}`, secret: random(7, 30) },
  "a bearer token in a sentence": { text: `sent bearer ${random(7, 30)} to it`, secret: random(7, 30) },
  "basic authentication": {
    text: `{"Authorization":["Basic ${base64("user:pa55word")}"]}`,
    secret: base64("user:pa55word"),
  },
  "a password in a URL": { text: "pulling https://robot:hunter2@registry.example/v2/", secret: "hunter2" },
  "an AWS key": {
    text: `AWS_ACCESS_KEY_ID=AK${"IA"}${letters(8, 16, upper)}`,
    secret: letters(8, 16, upper),
  },
  "an AWS secret": { text: `aws_secret_access_key = ${random(9, 40)}`, secret: random(9, 40) },
  "a GCP service account": {
    text: JSON.stringify({ type: "service_account", private_key: pem("PRIVATE KEY") }),
    secret: random(3, 64),
  },
  "an Azure connection": {
    text: `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${random(10, 86)}==;EndpointSuffix=core.example`,
    secret: random(10, 86),
  },
  "a signed URL": { text: `https://a.example/b?sv=2021&sig=${random(11, 43)}%3D`, secret: random(11, 43) },
  "a GitHub token": { text: `cloning with ${githubToken}`, secret: githubToken },
  "a GitHub token in JSON": {
    text: JSON.stringify({ log: `first line\n${githubToken}` }),
    secret: githubToken,
  },
  "a token that hides from the scanner": {
    text: `# ${"secretlint"}-disable\n${githubToken}`,
    secret: githubToken,
  },
  "a Slack token": { text: `xo${"xb"}-123456789012-123456789012-${random(12, 24)}`, secret: random(12, 24) },
  "an npm token": {
    text: `//registry.example/:_authToken=np${"m_"}${random(13, 36)}`,
    secret: random(13, 36),
  },
  "a password in YAML": { text: "db:\n  password: hunter2!x\n", secret: "hunter2!x" },
  "a password in JSON": { text: '{"dbPassword": "s3cr\\"et pass"}', secret: 's3cr\\"et pass' },
  "a password in JSON in JSON": {
    text: JSON.stringify({ a: '{"password":"hunter2x"}' }),
    secret: "hunter2x",
  },
  "a password in the environment": { text: "DB_PASSWORD=hunter2x PATH=/bin", secret: "hunter2x" },
  "a password of one word": { text: "db:\n  password: sunshine\n", secret: "sunshine" },
  "a password of several words in YAML": {
    text: "- password: correct horse {battery} # new\n",
    secret: "correct horse {battery}",
  },
  "a password of words in the environment": { text: "PGPASSWORD=Summer-2026 psql", secret: "Summer-2026" },
  "a password of words in JSON": { text: '{"adminPassword": "correct horse"}', secret: "correct horse" },
  "a password of words in a sentence": { text: "user bob, password: sunshine", secret: "sunshine" },
  "a password that is a path": { text: "password: /tmp/summer", secret: "/tmp/summer" },
  "a password that is a number": { text: "ACCOUNT_PASSWORD=4711", secret: "4711" },
  "a password of words on a command line": { text: "psql --password sunshine -h b", secret: "sunshine" },
  "a password of words of a container": {
    text: "- name: ADMIN_PASSWORD\n  value: sunshine\n",
    secret: "sunshine",
  },
  "a key of words": { text: "api_key: correct-horse", secret: "correct-horse" },
  "a token of one word": { text: "API_TOKEN=sunshine", secret: "sunshine" },
  "a password with a slash in a URL": { text: "https://user:pa/ss@host/x", secret: "pa/ss" },
  "a password with an at sign in a URL": { text: "postgres://user:pa@ss@host:5432/db", secret: "pa@ss" },
  "a password on a command line": { text: "mysql --user a --password hunter2x --host b", secret: "hunter2x" },
  "a secret in XML": {
    text: `<property name="api-key=&quot;${random(14, 32)}&quot;"/>`,
    secret: random(14, 32),
  },
  "a container's environment in JSON": {
    text: JSON.stringify([{ name: "API_TOKEN", value: random(15, 24) }], null, 1),
    secret: random(15, 24),
  },
  "a container's environment in YAML": {
    text: `- name: API_TOKEN\n  value: ${random(15, 24)}\n`,
    secret: random(15, 24),
  },
  "Docker credentials": {
    text: JSON.stringify({ auths: { "r.example": { auth: base64("robot:hunter2") } } }),
    secret: base64("robot:hunter2"),
  },
  "a Docker config in a Secret": {
    text: `.dockerconfigjson: ${base64(JSON.stringify({ auths: {} }))}`,
    secret: base64(JSON.stringify({ auths: {} })),
  },
  "a Secret in YAML": {
    text: "apiVersion: v1\ndata:\n  a: aGk=\n  long: |\n    bGluZTE=\n    bGluZTI=\nkind: Secret\nmetadata:\n  name: s\n",
    secret: "bGluZTI=",
  },
  "a Secret in a list in YAML": {
    text: "items:\n- kind: ConfigMap\n  data:\n    stays: here\n- apiVersion: v1\n  kind: Secret\n  stringData:\n    a: tiny\n",
    secret: "tiny",
  },
  "a Secret in JSON": {
    text: JSON.stringify(
      { data: { a: "aGk=" }, kind: "Secret", metadata: { labels: { stays: "here" } } },
      null,
      2,
    ),
    secret: "aGk=",
  },
  "a Secret in an annotation": {
    text: JSON.stringify({ a: JSON.stringify({ kind: "Secret", stringData: { a: "tiny" } }) }),
    secret: "tiny",
  },
  "a list of Secrets": {
    text: JSON.stringify({ kind: "SecretList", items: [{ data: { a: "aGk=" } }, { data: { b: "aG8=" } }] }),
    secret: "aG8=",
  },
  "a Helm release": {
    text: `release: ${base64(`H4sI${"A".repeat(4)}${random(16, 400)}`)}`,
    secret: base64(`H4sIAAAA${random(16, 400)}`).slice(100, 160),
  },
  "a WireGuard key": {
    text: `  private key: ${wireguard}\n  public key: ${wireguard}`,
    secret: `private key: ${wireguard}`,
  },
  "a WireGuard key in a file": { text: `PrivateKey = ${wireguard}`, secret: wireguard },
  "an IPsec key": { text: `keys: 3+ rfc4106(gcm(aes)) ${hex(17, 40)} 128`, secret: hex(17, 40) },
  "an IPsec key in base64": {
    text: `keys: ${base64(`3 rfc4106(gcm(aes)) ${hex(17, 40)} 128`)}`,
    secret: base64(`3 rfc4106(gcm(aes)) ${hex(17, 40)} 128`).slice(40),
  },
  "an IPsec state": { text: `auth-trunc hmac(sha256) 0x${hex(18, 64)} 128`, secret: hex(18, 64) },
  "a bootstrap token": { text: `kubeadm join --token abcdef.${hex(19, 16)}`, secret: hex(19, 16) },
};

/** Evidence that a careless scanner would take for a secret. */
export const harmless: readonly string[] = [
  `ca.crt: ${base64(certificate)}`,
  `certificate-authority-data: ${base64(certificate)}`,
  certificate,
  "uid: 6f1c2a34-9b1d-4a7e-8a51-0c3f5d2e7b90",
  `image: quay.io/cilium/cilium:v1.19.1@sha256:${hex(20, 64)}`,
  `docker-pullable://nginx:1.27@sha256:${hex(21, 64)}`,
  `checksum/secret: ${hex(22, 64)}`,
  `cilium.io/cilium-configmap-checksum: "${hex(23, 64)}"`,
  `traceparent: 00-${hex(24, 32)}-${hex(25, 16)}-01`,
  `network.cilium.io/wg-pub-key: ${wireguard}`,
  "service.cilium.io/global: 'true'",
  "k8s:io.cilium.k8s.policy.serviceaccount=token-reader",
  "identity 16777217, cidr 10.1.0.0/16, tunnelendpoint 172.18.0.3",
  "secret: clustermesh-apiserver-remote-cert",
  '"secretName": "cilium-ipsec-keys"',
  "secretRef: kube-system/cilium-ca",
  "kind: SecretProviderClass\ndata:\n  a: stays",
  "--bearer-token-file=/var/run/secrets/kubernetes.io/serviceaccount/token",
  "token: cilium-token-x7k2p",
  "error: bearer token required, authentication failed",
  "invalid password: authentication failed",
  "enable-k8s-secrets-sync: true",
  "PWD=/home/Runner/work/Meshproof",
  "password: ${DB_PASSWORD}",
  "password: true",
  "password: null",
  '"password": "<none>"',
  "password: <none>",
  "passwordFile: /run/secrets/db",
  "PASSWORD_FILE=/run/secrets/db",
  "secretName: sunshine",
  "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: password\n",
  "password: string",
  '{"password": {"type": "string"}, "token": {"type": "string"}}',
  "incorrect password: try again",
  "https://10.11.0.9:2379/a@b,https://10.11.0.10:2379/c@d",
  "password: $(DB_PASSWORD)",
  "east -> west: a token bucket of 10 requests: passes (1.2 s)",
  "clients keep their affinity: pass 12, fail 0",
  "https://10.11.0.9:2379, https://[fd00::1]:443/a@b",
  "see https://docs.cilium.io/en/stable/network/clustermesh/: services",
  "me@example.com",
  '["s",120,600,0.12,1.4,"ok","echo-east-6d5f8c7b9d-abcde","east"]',
];

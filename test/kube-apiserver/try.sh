#!/bin/sh
# A Kubernetes API server to try things with, on loopback, until it is interrupted:
#
#	sh try.sh DIRECTORY
#
# It needs kube-apiserver (this module), etcd and openssl. When it is ready the directory holds admin.conf, a kubeconfig
# of an administrator, and authentication.yml, the structured authentication configuration, which trusts nobody yet and
# is read anew when it changes. KUBE_PORT is its port (6443). Nothing is kept.
set -eu
[ $# = 1 ] || { echo 'usage: sh try.sh DIRECTORY' >&2; exit 2; }
mkdir -p "$1"
cd "$1"
umask 077
url=https://127.0.0.1:${KUBE_PORT:-6443}
rm -rf admin.conf etcd-data etcd:1 etcd:2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
	-addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem 2>openssl.log
openssl ec -in server.key -out accounts.key 2>>openssl.log # the form that is taken for service accounts
token=$(openssl rand -hex 16)
echo "$token,admin,admin,system:masters" >users.csv
printf 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n' >authentication.yml

etcd --data-dir=etcd-data --listen-client-urls=unix://etcd:1 --advertise-client-urls=unix://etcd:1 --listen-peer-urls=unix://etcd:2 \
	--initial-advertise-peer-urls=unix://etcd:2 --initial-cluster=default=unix://etcd:2 >etcd.log 2>&1 &
etcd=$!
trap 'kill $etcd ${server:-}; wait' EXIT
trap 'exit 0' INT TERM
kube-apiserver --etcd-servers=unix://etcd:1 --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="${url##*:}" \
	--tls-cert-file=server.pem --tls-private-key-file=server.key --authorization-mode=RBAC --token-auth-file=users.csv \
	--authentication-config=authentication.yml --service-account-issuer=https://kubernetes.test \
	--service-account-signing-key-file=accounts.key --service-account-key-file=accounts.key --service-cluster-ip-range=10.0.0.0/24 \
	--endpoint-reconciler-type=none --disable-admission-plugins=ServiceAccount >kube-apiserver.log 2>&1 &
server=$!
echo "header = \"Authorization: Bearer $token\"" >admin.curl
until curl -sf --cacert server.pem -K admin.curl "$url/readyz" >ready; do
	kill -0 "$server" || { tail kube-apiserver.log >&2; exit 1; }
	sleep 0.2
done
cat >admin.new <<END
apiVersion: v1
kind: Config
clusters: [{name: try, cluster: {server: "$url", certificate-authority: "$PWD/server.pem"}}]
users: [{name: admin, user: {token: "$token"}}]
contexts: [{name: admin, context: {cluster: try, user: admin}}]
current-context: admin
END
mv admin.new admin.conf
echo "ready: export KUBECONFIG=$PWD/admin.conf KUBE_AUTHENTICATION=$PWD/authentication.yml"
wait "$server"

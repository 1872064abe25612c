#!/bin/sh
# The main job of Writ, on embedded defaults: no root, no network, nothing to install. `make demo` runs it with writ on PATH.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d "${TMPDIR:-/tmp}/writ-demo.XXXXXX")
server=
finish() {
	status=$?
	if [ -n "$server" ]; then kill "$server" 2>/dev/null || :; wait "$server" 2>/dev/null || :; fi
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
say() { printf '\n== %s\n' "$1"; }
# refused runs a command that must exit with status 1, "the check failed".
refused() {
	status=0
	"$@" || status=$?
	[ "$status" -eq 1 ] || { echo "demo: expected exit status 1, got $status" >&2; exit 1; }
}

# Nothing of the user's own configuration or data takes part.
echo '{ issuer: { identityFile: "identity.age-key" } }' >"$work/writ.jsonnet"
export WRIT_ISSUER_IDENTITYFILE="$work/keys/identity.age-key" TMPDIR="$work"

say 'An issuer on loopback: writ serve'
writ serve --config "$work/writ.jsonnet" --listen 127.0.0.1:0 --data "$work/data" --socket "$work/writ.sock" >"$work/url" 2>"$work/serve.log" &
server=$!
tries=0
until [ -s "$work/url" ]; do
	kill -0 "$server" 2>/dev/null || { cat "$work/serve.log" >&2; echo 'demo: the issuer did not start' >&2; exit 1; }
	tries=$((tries + 1))
	[ "$tries" -le 300 ] || { cat "$work/serve.log" >&2; echo 'demo: the issuer was not ready in 30 s' >&2; exit 1; }
	sleep 0.1
done
url=$(head -n 1 "$work/url")
echo "$url"

say 'A pipeline job runs with its identity: writ run'
# In containers where they can be had. With a server the other runtime is never chosen silently, so it is named here.
cat >"$work/try.yml" <<'EOF'
jobs: [{name: try, plan: [{task: try, hermetic: true, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true}}, run: {path: "true"}}}]}]
EOF
runtime=${WRIT_DEMO_RUNTIME:-oci}
if [ "$runtime" = oci ] && ! writ run "$work/try.yml" --config "$work/writ.jsonnet" --data "$work/try" --runtime oci >"$work/try.log" 2>&1; then
	[ -z "${WRIT_DEMO_RUNTIME:-}" ] || { cat "$work/try.log" >&2; exit 1; }
	echo "no containers here, so plain processes: $(grep -m 1 error "$work/try.log")"
	runtime=process
fi
writ run pipeline.yml --config "$work/writ.jsonnet" --server "unix://$work/writ.sock" --runtime "$runtime" --output proof="$work/proof"

say 'A tampered token is refused, with the reason: writ token verify'
# Flip one character in the middle of the payload.
awk -F. '{ n = int(length($2) / 2); c = substr($2, n, 1); print $1 "." substr($2, 1, n - 1) (c == "A" ? "B" : "A") substr($2, n + 1) "." $3 }' \
	"$work/proof/token" >"$work/tampered"
refused writ token verify --issuer "$url" "$work/tampered"

say 'The run has ended: the signature of the good token still holds, and the issuer calls it inactive'
refused writ token verify --issuer "$url" --introspect "$work/proof/token"

say 'Done: minted, delivered, verified, refused, ended'

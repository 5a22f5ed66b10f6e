#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An exec that enters a container in which somebody waits for it with ptrace(2): what he can take over, or look into, has nothing that the
# container does not have.
. "$(dirname "$0")/lib.sh"
[ -x /usr/bin/python3 ] || skip_all "needs /usr/bin/python3"
USER_ID=4242
ROUNDS=40
[ -z "${BASIN_VM:-}" ] || ROUNDS=8 # emulated, what enters is slow enough to be met
U=$T/user
make_rootfs "$U/rootfs"
mkdir -p "$ROOTFS"/{usr,lib,lib64} "$U/xdg"
rm -f "$ROOTFS/usr/bin"
# Takes whatever comes up behind the last pid, and tells what it had while it was no payload yet: capabilities that are not ours, descriptors
# that are no payload's. The argument is what is said of one that could be looked into at all.
cat >"$ROOTFS/tracer.py" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
SEIZE, ALL, own = 0x4206, 0x40000000, set(os.listdir("/proc"))
def permitted(pid):
    for line in open("/proc/%s/status" % pid):
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
ours = permitted("self")
def look(pid):
    exe = os.readlink("/proc/%d/exe" % pid)
    files = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid) if int(fd) > 2]
    more = permitted(pid) & ~ours
    if "basin" not in exe or "basin" not in os.readlink("/proc/%d/exe" % pid):
        return set()
    said = set(sys.argv[1:]) | {"file " + f for f in files if not f.startswith(("socket:", "pipe:", "/etc/passwd"))}
    return said | ({"capabilities %x" % more} if more else set())
seen, taken = set(), 0
print("ready", flush=True)
while not os.path.exists("/tmp/stop"):
    last = int(open("/proc/loadavg").read().split()[-1])
    for pid in range(last, last + 3):
        if str(pid) in own:
            continue
        taken += libc.ptrace(SEIZE, pid, None, None) == 0
        try:
            seen |= look(pid)
        except OSError:
            pass
    try:
        while os.waitpid(-1, os.WNOHANG | ALL)[0]:
            pass
    except ChildProcessError:
        pass
print("taken" if taken else "nothing was taken")
print("\n".join(sorted(seen)))
PY
as_user() {
	setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --inh-caps=-all env -u BASIN_ROOT -u BASIN_CGROUP_ROOT -u TMPDIR HOME="$U" XDG_RUNTIME_DIR="$U/xdg" "$@"
}
BINDS='.mounts += (["usr", "lib", "lib64"] | map({destination: "/\(.)", source: "/\(.)", type: "bind", options: ["rbind", "ro"]}))'
# attack NAME TRACER-ARGUMENT COMMAND-PREFIX...: a container of $U/bundle's config, its tracer, and many an exec of all that has effect on how one goes.
attack() {
	local name=$1 about=$2
	shift 2
	rm -f "$ROOTFS/tmp/stop"
	run "$@" "$BASIN" run -d -b "$U/bundle" c1
	"$@" "$BASIN" exec c1 /usr/bin/python3 /tracer.py $about >"$T/seen" 2>&1 &
	local tracer=$!
	if within 10 grep -q ready "$T/seen"; then
		for _ in $(seq "$ROUNDS"); do
			"$@" "$BASIN" exec c1 true 7</ 8<"$T"
			"$@" "$BASIN" exec --cwd /tmp c1 true
		done >"$T/execs" 2>&1
	fi
	touch "$ROOTFS/tmp/stop"
	wait $tracer
	is "$name" "$(cat "$T/execs" "$T/seen")" $'ready\ntaken'
	"$@" "$BASIN" delete -f c1
}
config() { # FILTER
	make_bundle "$U/bundle" ".process.args = [\"sleep\", \"600\"] | .root.readonly = false | .process.oomScoreAdj = 100 | $BINDS | $1"
}

caps='["CAP_SYS_PTRACE", "CAP_SETUID"]'
tracing=".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}"
filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38}, {names: ["mount", "add_key"], action: "SCMP_ACT_ERRNO"}]}'
config "$tracing | .process.noNewPrivileges = false"
attack "with CAP_SYS_PTRACE nothing is to be had of an exec" "" env
config "$tracing | .process.noNewPrivileges = false | $filter"
attack "nor with a filter that is loaded early" "" env
config "$tracing | .process.noNewPrivileges = true | $filter"
attack "nor with one that is loaded last" "" env

# Root of a user namespace has every capability in it; what enters does not let itself be traced.
caps='["CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]'
powerful=".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}"
config "$powerful | .linux.namespaces += [{type: \"user\"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings"
attack "root of a user namespace cannot look into an exec" "seen" env

# ... neither of the ordinary user's own, who writes limits of what enters.
if ! setpriv --reuid $USER_ID --regid $USER_ID --clear-groups "$BASIN" --version >/dev/null 2>&1; then
	skip "nor root of an ordinary user's container" "an ordinary user cannot run $BASIN here"
	exit 0
fi
chown -R $USER_ID:$USER_ID "$U"
(cd "$U" && rm -rf bundle && as_user mkdir bundle && cd bundle && as_user "$BASIN" spec --rootless)
jq "$powerful"' | .process.args = ["sleep", "600"] | .process.terminal = false | .root = {path: "../rootfs"} | .process.oomScoreAdj = 100 | .process.rlimits = [{type: "RLIMIT_NPROC", soft: 900, hard: 1000}] | '"$BINDS" "$U/bundle/config.json" >"$T/config" && cp "$T/config" "$U/bundle/config.json"
attack "nor root of an ordinary user's container" "seen" as_user

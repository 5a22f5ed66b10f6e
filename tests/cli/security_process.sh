#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a payload must not inherit from whoever runs basin, and what a container must not do to an exec that enters it.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
bundle() {
	make_bundle "$B" ".process.args = $1 | .root.readonly = false | ${2:-.}"
}
background() {
	bundle '["sleep", "600"]' "${1:-.}"
	"$BASIN" run -d -b "$B" c1
}

# --- signals, capabilities ---
background
status='grep -E "^Sig(Blk|Ign)|^Cap(Inh|Amb)" /proc/self/status | tr -d "\t" | tr "\n" " "'
nothing="SigBlk:0000000000000000 SigIgn:0000000000000000 CapInh:0000000000000000 CapAmb:0000000000000000 "
run bash -c "trap '' PIPE HUP USR1; exec '$BASIN' exec c1 sh -c '$status'"
is "exec inherits no ignored signal" "$OUT" "$nothing"
run python3 -c 'import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2]); os.execv(sys.argv[1], sys.argv[1:])' "$BASIN" exec c1 sh -c "$status"
is "and no blocked one" "$OUT" "$nothing"
if run setpriv --inh-caps +chown,+kill --ambient-caps +chown,+kill true; then
	run setpriv --inh-caps +chown,+kill --ambient-caps +chown,+kill "$BASIN" exec --user 1000 c1 sh -c "$status; grep CapPrm /proc/self/status | tr -d '\t'"
	is "exec inherits no capability" "$OUT" "${nothing}CapPrm:0000000000000000"
	bundle "$(jq -n --arg s "$status" '["sh", "-c", $s]')" '.process.user.uid = 1000'
	run setpriv --inh-caps +chown,+kill --ambient-caps +chown,+kill "$BASIN" run -b "$B" c2
	is "nor does run" "$OUT" "$nothing"
	bundle '["grep", "CapAmb", "/proc/self/status"]' '.process.capabilities.inheritable = ["CAP_KILL"] | .process.capabilities.ambient = []'
	run setpriv --inh-caps +chown,+kill --ambient-caps +chown,+kill "$BASIN" run -b "$B" c2
	is "not even one that it may hand on itself" "$OUT" $'CapAmb:\t0000000000000000'
else
	skip "no capability is inherited" "setpriv cannot make any here"
fi

# --- the terminal of whoever runs basin: no session of his, no controlling terminal, so nothing can be typed into it (TIOCSTI, TIOCLINUX) ---
typing='test -t 0 && echo terminal; cut -d " " -f 7 /proc/self/stat; (: </dev/tty) 2>/dev/null || echo none'
bundle "$(jq -n --arg s "$typing" '["sh", "-c", $s]')"
run on_terminal "" "" "$BASIN" run -b "$B" c2
is "a payload on our terminal does not control it" "$OUT" $'terminal\n0\nnone'
run on_terminal "" "" "$BASIN" exec c1 sh -c "$typing"
is "nor does what exec starts" "$OUT" $'terminal\n0\nnone'

# --- descriptors ---
run "$BASIN" exec --preserve-fds 1 c1 sh -c 'for fd in /proc/self/fd/*; do [ "${fd##*/}" -lt 3 ] || readlink "$fd"; done | grep -c "^/\($\|tmp\|root\|home\|proc/[0-9]\)"' 3</dev/null 7</ 8<"$T" 9</proc
is "exec leaks no directory of ours" "$OUT" 0
"$BASIN" delete -f c1

# --- keys: a secret in our session keyring is not found from inside ---
if [ -x /usr/bin/python3 ] && [ -r /proc/keys ] && [ "$(uname -m)" = x86_64 ]; then
	mkdir -p "$ROOTFS"/{usr,lib,lib64}
	cat >"$T/keys.py" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
KEYCTL, ADD_KEY, JOIN, SEARCH, SESSION = 250, 248, 1, 10, -3
if sys.argv[1] == "search":
    found = libc.syscall(KEYCTL, SEARCH, SESSION, b"user", b"basin-test-secret", 0)
    print("found" if found >= 0 else os.strerror(ctypes.get_errno()))
else:
    libc.syscall(KEYCTL, JOIN, None)
    assert libc.syscall(ADD_KEY, b"user", b"basin-test-secret", b"secret", 6, SESSION) > 0
    os.execv(sys.argv[1], sys.argv[1:])
PY
	cp "$T/keys.py" "$ROOTFS/keys.py"
	inside='["/usr/bin/python3", "/keys.py", "search"]'
	mounts='.mounts += (["usr", "lib", "lib64"] | map({destination: "/\(.)", source: "/\(.)", type: "bind", options: ["rbind", "ro"]}))'
	bundle "$inside" "$mounts"
	run python3 "$T/keys.py" "$BASIN" run -b "$B" --no-new-keyring c1
	is "with --no-new-keyring our keys are there" "$OUT" found
	run python3 "$T/keys.py" "$BASIN" run -b "$B" c1
	is "else they are not" "$OUT" "Required key not available"
	background "$mounts"
	run python3 "$T/keys.py" "$BASIN" exec c1 /usr/bin/python3 /keys.py search
	is "nor for exec" "$OUT" "Required key not available"
	"$BASIN" delete -f c1
else
	skip "keys stay outside" "needs /usr/bin/python3 and a kernel with keys"
fi

# --- what hooks get of our environment is nowhere in the process that waits ---
cat >"$T/memory.py" <<'PY'
import sys
found = 0
with open("/proc/%s/mem" % sys.argv[1], "rb", 0) as memory:
    for line in open("/proc/%s/maps" % sys.argv[1]):
        first, last = (int(x, 16) for x in line.split()[0].split("-"))
        if "r" in line.split()[1] and "[v" not in line:
            memory.seek(first)
            found += memory.read(last - first).count(b"basin-test-secret")
print("found" if found else "not found")
PY
printf '#!/bin/sh\necho "$SECRET" >%s/hooked\n' "$T" >"$T/tell"
chmod 755 "$T/tell"
bundle '["true"]' ".hooks.createContainer = [{path: \"$T/tell\"}]"
SECRET=basin-test-secret "$BASIN" create -b "$B" c1
is "a hook of createContainer has our environment" "$(cat "$T/hooked")" basin-test-secret
is "the container has not" "$(python3 "$T/memory.py" "$("$BASIN" state c1 | jq .pid)")" "not found"
"$BASIN" delete -f c1

# --- a container that lies in wait for exec: its passwd and its loader's files never end, its /proc is a forgery, its programs are ours ---
mkdir -p "$ROOTFS/forged/self/attr/apparmor" "$ROOTFS/forged/1"
echo 0 >"$ROOTFS/forged/self/oom_score_adj"
echo nothing | tee "$ROOTFS/forged/self/attr/apparmor/exec" >"$ROOTFS/forged/self/attr/exec"
ln -sfn self "$ROOTFS/forged/1/self"
caps='["CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE"]'
bundle '["sh", "-c", "mkfifo /etc/trap; mv /etc/trap /etc/passwd; mkfifo /etc/ld.so.preload /etc/ld.so.cache; exec 7<>/etc/passwd; mount --bind /forged /proc; touch /ready; sleep 600"]' \
	".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps} | .process.noNewPrivileges = false | .linux.seccomp = null | .process.oomScoreAdj = 55"
"$BASIN" run -d -b "$B" c1 2>"$T/err"
if within 5 test -e "$ROOTFS/ready"; then
	pass "the trap is set"
	run timeout --signal=KILL 10 "$BASIN" exec c1 sh -c 'echo $HOME'
	is "a passwd that never ends is not waited for" "$STATUS $OUT" "0 /"
	run timeout --signal=KILL 10 "$BASIN" exec -d --pid-file "$T/pid" c1 sleep 60
	is "what exec sets through procfs it sets in the real one" "$(cat "/proc/$(cat "$T/pid")/oom_score_adj")" 55
	is "and not in the forgery" "$(cat "$ROOTFS/forged/self/oom_score_adj")" 0
	for kind in fifo "link to a device"; do
		rm -f "$ROOTFS/forged-ptmx"
		if [ "$kind" = fifo ]; then mkfifo "$ROOTFS/forged-ptmx"; else ln -s /dev/null "$ROOTFS/forged-ptmx"; fi
		nsenter -t "$("$BASIN" state c1 | jq .pid)" -m -r sh -c 'rm -f /dev/ptmx; mv /forged-ptmx /dev/ptmx'
		run timeout --signal=KILL 10 "$BASIN" exec -t c1 true </dev/null
		like "a /dev/ptmx that is a $kind makes no terminal" "$STATUS $ERR" '^255 .*not a terminal multiplexer'
	done
	# A host that seems to have AppArmor: what the kernel then says to a profile that nobody loaded is a refusal.
	label='mount -t tmpfs none /sys/module && mkdir -p /sys/module/apparmor/parameters && echo Y >/sys/module/apparmor/parameters/enabled && exec "$@"'
	run timeout --signal=KILL 10 unshare -m sh -c "$label" sh "$BASIN" exec --apparmor basin-no-such-profile c1 true
	like "a profile goes to the kernel, which does not know it" "$STATUS $ERR" '^(1|255) .*basin-no-such-profile'
	is "and not to the forgery" "$(sort -u "$ROOTFS"/forged/self/attr/exec "$ROOTFS"/forged/self/attr/apparmor/exec)" nothing
else
	fail "the trap is set" "$(cat "$T/err")" "$("$BASIN" state c1)"
fi
"$BASIN" delete -f c1
rm -f "$ROOTFS/etc/passwd" "$ROOTFS/etc/ld.so.preload" "$ROOTFS/etc/ld.so.cache"
before=$(sha256sum <"$BASIN")
printf '#!/proc/self/exe\n' >"$ROOTFS/bin/evil"
chmod 755 "$ROOTFS/bin/evil"
background
run timeout --signal=KILL 10 "$BASIN" exec c1 evil
nok "a program whose interpreter is /proc/self/exe runs nothing of ours" test "$STATUS" = 0
is "and our program stays what it was" "$(sha256sum <"$BASIN")" "$before"
"$BASIN" delete -f c1

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# linux.seccomp on real processes: actions, when the filter is loaded, the agent of SCMP_ACT_NOTIFY, and no way round it by another architecture.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
AGENT_PID=

profile() { # ARGS-OF-THE-PROCESS SECCOMP [more jq]
	make_bundle "$B" ".process.args = $1 | .linux.seccomp = $2 | .root.readonly = false | ${3:-.}"
}
sh_profile() { # SCRIPT SECCOMP [more jq]
	profile "[\"sh\", \"-c\", \"$1\"]" "$2" "${3:-.}"
}
MKDIR='{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 100}]}'
NO_NNP='.process.noNewPrivileges = false'

# --- actions ---
sh_profile 'mkdir /tmp/x' "$MKDIR"
refused "an error of its own" 1 'Network is down' "$BASIN" run -b "$B" c1
sh_profile 'mkdir /tmp/x' "$MKDIR" "$NO_NNP"
refused "the same without noNewPrivileges" 1 'Network is down' "$BASIN" run -b "$B" c1
sh_profile 'mkdir /tmp/x; echo $?' '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]}'
run "$BASIN" run -b "$B" c1
is "the process is killed by SIGSYS" "$OUT" 159
sh_profile 'mkdir /tmp/x; echo $?' '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_TRAP"}]}'
run "$BASIN" run -b "$B" c1
is "or gets it" "$OUT" 159
sh_profile 'mkdir /tmp/x' '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_TRACE"}]}'
refused "without a tracer there is no such call" 1 'Function not imp' "$BASIN" run -b "$B" c1
sh_profile 'mkdir /tmp/logged && rmdir /tmp/logged' '{"defaultAction": "SCMP_ACT_LOG"}'
ok "what is logged happens" "$BASIN" run -b "$B" c1
sh_profile 'grep -w Seccomp: /proc/self/status' '{}'
run "$BASIN" run -b "$B" c1
like "a section that says nothing is none" "$OUT" '0$'
sh_profile 'true' '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}'
run "$BASIN" --debug run -b "$B" c1
is "every flag is taken" "$STATUS" 0
like "and the kernel gets those that mean something" "$ERR" 'seccomp filter flags: 2'
sh_profile 'true' '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NEW"]}'
refused "but no other" 1 'linux\.seccomp\.flags\[0\]' "$BASIN" run -b "$B" c1

# --- ready-made ---
# ld nr; mkdir (83) -> errno 99; the rest is allowed
python3 - <<'PROGRAM' >"$T/bpf"
import base64, struct
program = [(0x20, 0, 0, 0), (0x15, 0, 1, 83), (0x06, 0, 0, 0x50000 | 99), (0x06, 0, 0, 0x7FFF0000)]
print(base64.b64encode(b"".join(struct.pack("=HBBI", *one) for one in program)).decode(), end="")
PROGRAM
sh_profile 'mkdir /tmp/x' null ".annotations[\"run.oci.seccomp_bpf_data\"] = \"$(cat "$T/bpf")\" | del(.linux.seccomp)"
if [ "$(uname -m)" = x86_64 ]; then
	refused "a program in an annotation" 1 "Cannot assign requested address" "$BASIN" run -b "$B" c1
else
	skip "a program in an annotation" "the numbers in it are those of x86-64"
fi
sh_profile 'true' null '.annotations["run.oci.seccomp_bpf_data"] = "AAAA" | del(.linux.seccomp)'
refused "that is none" 1 'not a BPF program' "$BASIN" run -b "$B" c1

# --- the moment ---
# What the runtime itself uses up to the payload's start may be forbidden.
sh_profile 'echo here' '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["close_range", "fsopen", "openat2", "open_tree", "move_mount",
	"mount_setattr", "sendmsg", "recvmsg", "accept4", "clone3", "pivot_root", "seccomp", "getcwd", "chdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}' "$NO_NNP"
run "$BASIN" run -b "$B" c1
is "without noNewPrivileges" "$OUT" here
sed -i 's/"noNewPrivileges": false/"noNewPrivileges": true/' "$B/config.json"
run "$BASIN" run -b "$B" c1
is "with it, ids and capabilities too" "$OUT" here
ok "and create" "$BASIN" create -b "$B" c1
ok "with start" "$BASIN" start c1
"$BASIN" delete -f c1
for nnp in true false; do
	sh_profile 'true' '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat", "clone3"], "action": "SCMP_ACT_ERRNO"}]}' \
		".process.noNewPrivileges = $nnp | .hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"mkdir /tmp/y\"]}]"
	nok "a hook inside stands under it (noNewPrivileges $nnp)" "$BASIN" run -b "$B" c1
done

# --- the agent ---
agent() { # SOCKET COUNT
	rm -f "$T/agent.log"
	python3 "$TESTS/cli/seccomp_agent.py" "$1" "$T/agent.log" "$2" &
	AGENT_PID=$!
	within 5 test -S "$1" || within 5 grep -q "$1" /proc/net/unix
}
agent_done() {
	wait "$AGENT_PID" && rm -f "$T/agent"
}
notify() { # SYSCALLS [more]
	echo "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"$T/agent\", \"listenerMetadata\": \"for the agent\", \"syscalls\":
		[{\"names\": [$1], \"action\": \"SCMP_ACT_NOTIFY\"}]${2:+, $2}}"
}
for nnp in true false; do
	agent "$T/agent" 1
	sh_profile 'mkdir /tmp/x' "$(notify '"mkdir", "mkdirat"')" ".process.noNewPrivileges = $nnp | .annotations.a = \"b\""
	refused "the agent answers for the call (noNewPrivileges $nnp)" 1 'No medium found' "$BASIN" run -b "$B" c1
	ok "and is let go" agent_done
	is "it got a listener" "$(jq -c '[.fds, .metadata, .state.id, .state.status, .state.bundle, .state.annotations.a, .descriptor]' "$T/agent.log")" \
		"[[\"seccompFd\"],\"for the agent\",\"c1\",\"creating\",\"$B\",\"b\",\"anon_inode:seccomp notify\"]"
	is "of the process that the state names" "$(jq -c '.pid == .state.pid and .pid > 1' "$T/agent.log")" true
done
agent "$T/agent" 3
sh_profile 'sleep 60' "$(notify '"mkdir", "mkdirat"')"
ok "create asks the agent" "$BASIN" create -b "$B" c1
is "with what it is then" "$(jq -r .state.status "$T/agent.log")" creating
ok "and start has nobody to ask" "$BASIN" start c1
refused "a process of exec has a listener of its own" 1 'No medium found' "$BASIN" exec c1 mkdir /tmp/x
is "with its own pid" "$(tail -n 1 "$T/agent.log" | jq -c '[.state.status, .pid != .state.pid]')" '["running",true]'
printf '{"cwd": "/", "args": ["mkdir", "/tmp/x"], "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"], "noNewPrivileges": false}' >"$T/process.json"
refused "and one without noNewPrivileges" 1 'No medium found' "$BASIN" exec --process "$T/process.json" c1
"$BASIN" delete -f c1
ok "all three end" agent_done
agent "$T/agent" 1
profile '["true"]' "$(notify '"execve", "openat", "open", "read", "close", "fcntl", "setresuid", "capset", "chdir", "recvmsg", "sendmsg"')" "$NO_NNP"
ok "calls that the runtime itself still makes go through the agent" "$BASIN" run -b "$B" c1
agent_done
agent "$T/agent" 1
profile '["true"]' "$(notify '"mkdir"')" '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "test $(ls /proc/self/fd | wc -l) = 4"]}]'
ok "a hook inside sees no descriptor of it" "$BASIN" run -b "$B" c1
agent_done
agent "$T/agent" 1
profile '["true"]' '{"defaultAction": "SCMP_ACT_ALLOW"}' ".annotations[\"run.oci.seccomp.receiver\"] = \"$T/agent\""
ok "an agent that no rule needs" "$BASIN" run -b "$B" c1
agent_done
is "is told all the same" "$(jq -r .descriptor "$T/agent.log")" "anon_inode:seccomp notify"
ok "and may be away" "$BASIN" run -b "$B" c1
agent "@$T/abstract" 1
sh_profile 'mkdir /tmp/x' "$(notify '"mkdir", "mkdirat"')" ".linux.seccomp.listenerPath = \"@$T/abstract\""
refused "one without a file" 1 'No medium found' "$BASIN" run -b "$B" c1
agent_done
sh_profile 'true' "$(notify '"mkdir"')"
refused "one that a rule needs must be there" 1 'failed to connect with seccomp agent' "$BASIN" run -b "$B" c1
refused "and nothing is left" 1 'does not exist' "$BASIN" state c1
refused "for create too" 1 'failed to connect with seccomp agent' "$BASIN" create -b "$B" c1
agent "$T/agent" 1
ok "create works once it is there" "$BASIN" create -b "$B" c1
ok "and start" "$BASIN" start c1
within 5 agent_done
"$BASIN" delete -f c1
sh_profile 'true' "$(notify '"write"')"
refused "write cannot be asked about" 1 'SCMP_ACT_NOTIFY cannot be used for the write syscall' "$BASIN" run -b "$B" c1
sh_profile 'true' "$(notify '"mkdir"' '"listenerPath": ""')"
refused "a rule needs an agent" 1 'linux\.seccomp\.listener.*listenerPath' "$BASIN" run -b "$B" c1

# --- other architectures ---
# A program that makes system calls of the 32-bit and the x32 kind by hand: a filter for 64 bits must not be blind to them.
if [ "$(uname -m)" != x86_64 ] || ! command -v gcc >/dev/null; then
	skip "calls of another architecture" "the test's program is for x86-64, and takes a compiler"
	exit 0
fi
cat >"$T/call.S" <<'PROGRAM'
	.globl _start
_start:	mov (%rsp), %rcx		# one argument: int 0x80; two: x32
	cmp $2, %rcx
	jne 1f
	mov $20, %eax			# getpid of i386
	int $0x80
	jmp 2f
1:	mov $0x40000027, %eax		# getpid of x32
	syscall
2:	xor %edi, %edi			# 0 for a pid, 1 for an error (there is no such call)
	test %eax, %eax
	setle %dil
	mov $60, %eax
	syscall
PROGRAM
gcc -nostdlib -static -o "$ROOTFS/call" "$T/call.S"
ONLY64='{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_ERRNO"}]}'
ALL='{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]}'
for way in i386 x32; do
	args='["/call", "1"]'
	[ $way = i386 ] || args='["/call", "1", "2"]'
	profile "$args" "$ALL"
	run "$BASIN" run -b "$B" c1
	free=$STATUS
	profile "$args" "$ONLY64"
	run "$BASIN" run -b "$B" c1
	if [ "$free" = 139 ] || { [ "$free" = 1 ] && [ $way = i386 ]; }; then
		skip "a call of $way under a profile for 64 bits" "this kernel has none ($free)"
	else
		is "a call of $way under a profile for 64 bits kills" "$free:$STATUS" "$free:159"
	fi
done

# --- a filter that lets nothing through, not even the end ---
profile '["true"]' '{"defaultAction": "SCMP_ACT_ERRNO"}'
run timeout 20 "$BASIN" run -b "$B" c1
is "a filter that denies every call ends the container" "$STATUS" 132
is "and leaves nothing" "$("$BASIN" list -q)" ""

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What the tests of backups share: an environment "web" with everything that a backup has to bring back, and how to look at it.
make_rootfs "$T/rootfs"
echo lower >"$ROOTFS/etc/removed"
mkdir "$ROOTFS/etc/replaced"
echo lower >"$ROOTFS/etc/replaced/file"
chown -R 1000:1000 "$ROOTFS/var"
tar -C "$ROOTFS" --numeric-owner -cf "$T/rootfs.tar" .
run "$BASIN" image import "$T/rootfs.tar" busybox:1 || skip_all "image import does not work here: $ERR"
run "$BASIN" pool create /team --cpu 1 --memory 512MiB --storage 1GiB --pids 4096 --enforce available ||
	skip_all "pools do not work here: $ERR"
run "$BASIN" env launch busybox:1 web --pool /team --memory 64MiB --storage 64MiB --label tier=front -- /bin/sleep 1000000
[ "$STATUS" = 0 ] || skip_all "environments do not start here: $ERR"

inside() {
	"$BASIN" env exec "$1" -- /bin/sh -c "$2"
}

# Every name with what is known of it, as the container sees it: an id there, not the host's.
listing() {
	inside "$1" 'cd / && find bin etc root var srv ! -path etc/host\* ! -path etc/resolv.conf -exec stat -c "%n %F %a %u:%g %h %s %Y %t:%T" {} + | sed "s/^\([^ ]* directory [^ ]* [^ ]*\) .*/\1/" | sort;
		find etc root var srv -type f ! -path etc/host\* ! -path etc/resolv.conf -exec sha256sum {} + | sort -k 2; find etc root var srv -type l -exec readlink {} +'
}

# As refused, but there may be progress before it.
refused_at_last() {
	local name=$1 code=$2 regex=$3
	shift 3
	run "$@"
	if [ "$STATUS" = "$code" ] && [[ $(tail -n 1 <<<"$ERR") =~ $regex ]]; then
		pass "$name"
	else
		fail "$name" "command: $*" "expected: exit $code, at last on stderr $regex" "got: exit $STATUS, stderr: $ERR"
	fi
}

same() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$(diff <(echo "$3") <(echo "$2") | head -20)"; fi
}

# Extended attributes, from outside through the container's root, with its ids.
attributes() {
	local pid
	pid=$("$BASIN" state "$1" | jq .pid)
	(cd "/proc/$pid/root" && find srv -print0 | sort -z | xargs -0 getfattr -h -d -m 'user\.' -e hex 2>/dev/null)
	(cd "/proc/$pid/root" && getcap -n -r srv | sed 's/rootid=.*/rootid/')
}

# shellcheck disable=SC2016 # the environment expands it
inside web '
	mkdir /srv && cd /srv && umask 022
	echo one >one && ln one two && mkdir -p a/b/c && echo deep >a/b/c/deep
	ln -s ../etc/passwd link && mkfifo pipe
	echo "odd name" >"$(printf "odd\nname\t\377")"
	dd if=/dev/urandom of=noise bs=64k count=8 2>/dev/null
	printf x | dd of=sparse bs=1 seek=20971519 2>/dev/null
	chown 1000:100 one && chmod 6751 one && chmod 1777 a && chown 7:8 a/b
	touch -d "2001-02-03 04:05:06" a/b/c/deep
	rm /etc/removed && rm -r /etc/replaced && mkdir /etc/replaced && echo upper >/etc/replaced/other
	adduser -D -H someone 2>/dev/null || echo someone >>/etc/passwd; true' 2>/dev/null
PID=$("$BASIN" state web | jq .pid)
setfattr -n user.note -v "a value" "/proc/$PID/root/srv/noise"
setfattr -n user.binary -v 0x00ff00 "/proc/$PID/root/srv/a"
BEFORE=$(listing web)
ATTRIBUTES=$(attributes web)

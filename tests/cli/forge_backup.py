# SPDX-License-Identifier: Apache-2.0
"""Makes a backup that is valid to the byte and says what its forger wants: forge_backup.py FROM TO CHANGES

CHANGES is a JSON object: "environment" replaces members of the definition, "entries" is a list of what is added to the environment's own
layer, each an object with "name" and what tarfile.TarInfo has: type (one character), linkname, mode, uid, gid, devmajor, devminor,
pax_headers; and "data", text.
"""
import hashlib, io, json, subprocess, sys, tarfile


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def header(name, size, mtime):
    octal = lambda value, digits: b"%0*o\0" % (digits, value)
    block = name.encode().ljust(100, b"\0") + octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(size, 11) + octal(mtime, 11)
    rest = b"0" + b"\0" * 100 + b"ustar\x0000"
    rest = rest.ljust(512 - 156, b"\0")
    total = sum(block) + sum(b" " * 8) + sum(rest)
    return block + b"%06o\0 " % total + rest


def member(name, data, mtime):
    return header(name, len(data), mtime) + data + b"\0" * (-len(data) % 512)


def add_entries(layer, entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            data = entry.pop("data", "").encode()
            info = tarfile.TarInfo(entry.pop("name"))
            info.type = entry.pop("type", "0").encode()
            for key, value in entry.items():
                setattr(info, key, value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        end = out.tell()
    return layer[:-1024] + out.getvalue()[:end] + b"\0" * 1024


def main(source, target, changes):
    archive = tarfile.open(source)
    mtime = archive.getmember("oci-layout").mtime
    blob = lambda d: archive.extractfile("blobs/sha256/" + d[7:]).read()
    index = json.loads(archive.extractfile("index.json").read())
    manifest = json.loads(blob(index["manifests"][0]["digest"]))
    config = json.loads(blob(manifest["config"]["digest"]))
    about = config["vnd.basin.backup"]
    about["environment"].update(changes.get("environment", {}))
    blobs = [[blob(layer["list"]["digest"]), blob(layer["blob"]["digest"])] for layer in about["layers"]]

    own = about["layers"][-1]
    layer = add_entries(zstd(blobs[-1][1], "-d"), changes.get("entries", []))
    whole = ("%s %d whole\n" % (hashlib.sha256(layer).hexdigest(), len(layer))).encode()
    blobs[-1] = [zstd(whole), zstd(layer)]
    own["diff_id"], own["bytes"] = digest(layer), len(layer)
    for key, data in zip(("list", "blob"), blobs[-1]):
        own[key] = {"digest": digest(data), "size": len(data)}
    config["rootfs"]["diff_ids"][-1] = own["diff_id"]
    manifest["layers"][-1].update(own["blob"])

    text = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    configured = text(config)
    manifest["config"].update({"digest": digest(configured), "size": len(configured)})
    manifested = text(manifest)
    index["manifests"][0].update({"digest": digest(manifested), "size": len(manifested)})
    with open(target, "wb") as out:
        out.write(member("oci-layout", archive.extractfile("oci-layout").read(), mtime))
        out.write(member("index.json", text(index), mtime))
        for data in [manifested, configured] + [part for pair in blobs for part in pair]:
            out.write(member("blobs/sha256/" + digest(data)[7:], data, mtime))
        out.write(b"\0" * 1024)


main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))

#!/usr/bin/env python3
"""Builds a container image from files of this machine, without a container engine and without a registry.

The result is a tar archive in OCI layout with a single layer, and always the same for the same files.
Binaries bring the shared libraries that they are linked to. Every image has /tmp, a user database and a resolver that
reads /etc/hosts, because most programs need them.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import stat
import subprocess
import tarfile

SKELETON = {
    "/etc/passwd": "root:x:0:0:root:/:/bin/sh\nuser:x:{user}:{user}:user:/tmp:/bin/sh\n",
    "/etc/group": "root:x:0:\nuser:x:{user}:\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}


class Layer:
    """The content of the image: a tar entry and its bytes for each path."""

    def __init__(self, root=None):
        self.entries = {}
        self.root = root and pathlib.Path(root).resolve()

    def add(self, path, kind, mode, content=b"", target=""):
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            if str(parent) != "/" and str(parent) not in self.entries:
                self.add(str(parent), tarfile.DIRTYPE, 0o755)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
        self.entries[path] = entry, content

    def copy(self, source, path):
        """Copies a file, or everything below a directory; symbolic links below it stay links."""
        source = pathlib.Path(source)
        if source.is_dir():
            self.add(path, tarfile.DIRTYPE, stat.S_IMODE(source.stat().st_mode))
            for child in source.iterdir():
                inside = f"{path.rstrip('/')}/{child.name}"
                if child.is_symlink():
                    self.add(inside, tarfile.SYMTYPE, 0o777, target=str(child.readlink()))
                else:
                    self.copy(child, inside)
        else:
            self.add(path, tarfile.REGTYPE, stat.S_IMODE(source.stat().st_mode), source.read_bytes())

    def copy_binary(self, source, path):
        self.copy(source, path)
        environment = dict(os.environ)
        if self.root:
            environment["LD_LIBRARY_PATH"] = ":".join(map(str, self.root.glob("usr/lib/*-linux-gnu")))
        # ldd fails for statically linked binaries, which need no libraries.
        libraries = subprocess.run(["ldd", source], capture_output=True, text=True, env=environment).stdout
        for library in re.findall(r"(/\S+) \(0x", libraries):
            self.copy(library, library.removeprefix(str(self.root)))

    def copy_busybox(self):
        busybox = shutil.which("busybox")
        self.copy_binary(busybox, "/bin/busybox")
        commands = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for command in commands:
            if command != "busybox":
                self.add(f"/bin/{command}", tarfile.SYMTYPE, 0o777, target="busybox")

    def pack(self):
        return pack(self.entries[path] for path in sorted(self.entries))


def pack(entries):
    archive = io.BytesIO()
    # A TarInfo has time 0 and owner 0 by default, so the archive depends on the files only.
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def image(name, layer, config):
    """The files of an OCI layout with one image."""
    blobs = {}

    def blob(media_type, content):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}

    target = {"os": "linux", "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]}
    layer = blob("layer.v1.tar", layer)
    config = blob("config.v1+json", {**target, "config": config, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}})
    manifest = blob("manifest.v1+json", {"schemaVersion": 2, "config": config, "layers": [layer]})
    manifest |= {"platform": target, "annotations": {"io.containerd.image.name": name}}
    index = {"schemaVersion": 2, "manifests": [manifest]}
    return {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="the archive to write")
    parser.add_argument("--name", required=True, help="with host and tag, such as localhost/example:1")
    parser.add_argument("--entrypoint", type=json.loads, help="the command, a JSON list")
    parser.add_argument("--user", default="65532", help="the numeric id to run as")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--binary", action="append", default=[], metavar="PATH[:DEST]", help="a binary with its libraries; by default placed in /")
    parser.add_argument("--file", action="append", default=[], metavar="PATH:DEST", help="a file or a directory")
    parser.add_argument("--root", help="a directory with unpacked packages: libraries are looked for there, too")
    parser.add_argument("--busybox", action="store_true", help="a shell and the usual commands in /bin")
    arguments = parser.parse_args()

    layer = Layer(arguments.root)
    layer.add("/tmp", tarfile.DIRTYPE, 0o1777)
    for path, text in SKELETON.items():
        layer.add(path, tarfile.REGTYPE, 0o644, text.format(user=arguments.user).encode())
    if arguments.busybox:
        layer.copy_busybox()
    for binary in arguments.binary:
        source, _, path = binary.partition(":")
        layer.copy_binary(source, path or "/" + pathlib.Path(source).name)
    for file in arguments.file:
        source, _, path = file.partition(":")
        layer.copy(source, path)

    config = {"User": arguments.user, "Env": ["PATH=/bin:/usr/bin", *arguments.env], "Entrypoint": arguments.entrypoint}
    files = image(arguments.name, layer.pack(), config)
    entries = []
    for path, content in files.items():
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        entries.append((entry, content))
    pathlib.Path(arguments.out).write_bytes(pack(entries))


main()

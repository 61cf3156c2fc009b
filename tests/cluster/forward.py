#!/usr/bin/env python3
"""Leads from a port of this machine into a sandbox, which has a network of its own.

forward.py listen COMMAND...  runs COMMAND with an open port on the loopback; its number is in FORWARDED_PORT
forward.py to HOST PORT       in the sandbox, passes on what arrives at that port
"""

import asyncio
import os
import socket
import sys


def listen(command):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    os.environ["FORWARDED_PORT"] = str(listener.getsockname()[1])
    os.environ["FORWARDED_SOCKET"] = str(listener.fileno())
    os.execvp(command[0], command)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def forward(host, port):
    async def pass_on(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    listener = socket.socket(fileno=int(os.environ["FORWARDED_SOCKET"]))
    server = await asyncio.start_server(pass_on, sock=listener)
    await server.serve_forever()


match sys.argv[1:]:
    case ["listen", *command] if command:
        listen(command)
    case ["to", host, port]:
        asyncio.run(forward(host, int(port)))
    case _:
        sys.exit(__doc__)

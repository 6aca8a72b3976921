# SPDX-License-Identifier: Apache-2.0
"""A broker that means ill: `fake_broker.py ADDRESS WAY [MECHANISM...]`.

It prints its port, then, for each connection, a line with all the bytes it was sent, in hex. Its way is

    offer    offers these SASL mechanisms, and calls whatever comes a success
    outcome  offers nothing: it calls the login a success before there was one
    plain    answers the SASL header with that of AMQP without a login
"""
import socket
import sys

SASL = b"AMQP\3\1\0\0"
AMQP = b"AMQP\0\1\0\0"


def frame(kind, performative, fields):
    """One frame (AMQP 1.0 part 2, section 2.3) with a list of one encoded field."""
    body = bytes([0x00, 0x53, performative, 0xc0, len(fields) + 1, 1]) + fields
    return (8 + len(body)).to_bytes(4, "big") + bytes([2, kind, 0, 0]) + body


def mechanisms(names):
    symbols = b"".join(bytes([len(name)]) + name.encode() for name in names)
    return frame(1, 0x40, bytes([0xe0, len(symbols) + 2, len(names), 0xa3]) + symbols)


SUCCESS = frame(1, 0x44, b"\x50\0")
OPEN = frame(0, 0x10, b"\xa1\4fake")


def serve(link, way, names):
    heard = link.recv(8)
    link.settimeout(2)
    try:
        if way == "plain":
            link.sendall(AMQP + OPEN)
        elif way == "outcome":
            link.sendall(SASL + SUCCESS + AMQP + OPEN)
        else:
            link.sendall(SASL + mechanisms(names))
            heard += link.recv(65536)
            link.sendall(SUCCESS + AMQP + OPEN)
        while part := link.recv(65536):
            heard += part
    except (TimeoutError, ConnectionError):
        pass
    return heard


def main():
    address, way, *names = sys.argv[1:]
    with socket.create_server((address, 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            link, _ = listener.accept()
            with link:
                print(serve(link, way, names).hex(), flush=True)


if __name__ == "__main__":
    main()

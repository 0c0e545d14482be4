# SPDX-License-Identifier: Apache-2.0
"""Requests that no client should send: the server refuses each or hangs up, and goes on."""
import socket
import sys
import time

PORT = int(sys.argv[1])
LIMIT = 12
failures = 0


def connect():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=LIMIT)
    s.settimeout(LIMIT)
    return s


def answer(s):
    data = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                break
            data += more
    except ConnectionError:
        pass
    return data


def expect(what, got, statuses):
    """One of these statuses, or (None) a connection that was shut without a word."""
    global failures
    status = int(got.split(b" ", 2)[1]) if got.startswith(b"HTTP/1.") else None
    if status not in statuses or (got and status is None):
        print(f"FAIL: {what}: {got[:120]!r}")
        failures += 1


def send(what, data, *statuses):
    s = connect()
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    expect(what, answer(s), statuses)
    s.close()


HOST = b"Host: localhost\r\nConnection: close\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
send("plain", GET + HOST + b"\r\n", 200)
send("HTTP/1.0 without Host", b"GET /healthz HTTP/1.0\r\n\r\n", 200)
send("no Host", GET + b"Connection: close\r\n\r\n", 400, None)
send("long target", b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, 431, None)
send("long query", b"GET /api/v1/query?match=" + b"a" * 18000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
     400, 414, 431)
send("long header", GET + HOST + b"X: " + b"a" * 200000 + b"\r\n\r\n", 431, 413, None)
send("many headers", GET + HOST + b"".join(b"X%d: y\r\n" % i for i in range(20000)) + b"\r\n",
     431, 413, None)
send("many parameters", b"GET /api/v1/query?" + b"".join(b"p%d=1&" % i for i in range(2000)) +
     b" HTTP/1.1\r\n" + HOST + b"\r\n", 400, None)
send("garbage", bytes(range(256)) * 20, 400, None)
send("nothing", b"", None)
send("half a line", b"GET /hea", None, 400)
send("TLS at a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 400, None)
send("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 404, 405, 421, 505, None)
send("absolute target", b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n", 404, 400)
send("a body with GET", GET + HOST + b"Content-Length: 5\r\n\r\nhello", 400)
send("a body that does not come", b"POST /healthz HTTP/1.1\r\n" + HOST +
     b"Content-Length: 999999999999\r\n\r\n", 405)
send("chunks", GET + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400)
send("both lengths", GET + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, None)
send("a bad length", GET + HOST + b"Content-Length: -1\r\n\r\n", 400, 413, None)
send("two Hosts", GET + b"Host: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
     200, 400, 421)
send("a control character", b"GET /he\x01althz HTTP/1.1\r\n" + HOST + b"\r\n", 404, 400, None)
send("two requests at once", (GET + b"Host: localhost\r\n\r\n") + GET + HOST + b"\r\n", 200)

# Slow: a byte now and then is never silent, and still has an end (here of 2 s).
slow = [connect() for _ in range(8)]
for s in slow:
    s.sendall(GET)
end = time.monotonic() + LIMIT
while slow and time.monotonic() < end:
    time.sleep(0.3)
    for s in list(slow):
        try:
            s.sendall(b"X")
            s.setblocking(False)
            try:
                gone = s.recv(1) == b""
            except BlockingIOError:
                gone = False
            s.setblocking(True)
        except OSError:
            gone = True
        if gone:
            s.close()
            slow.remove(s)
if slow:
    print(f"FAIL: {len(slow)} slow connections are still open after {LIMIT} s")
    failures += 1

# One who asks and asks, and takes nothing of what comes.
s = connect()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
page = b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
gone, end = False, time.monotonic() + 3 * LIMIT
s.settimeout(0.3)
while not gone and time.monotonic() < end:
    try:
        s.sendall(page)
    except socket.timeout:
        pass
    except OSError:
        gone = True
if not gone:
    print("FAIL: one who takes nothing is still connected")
    failures += 1
s.close()

# More connections than there may be: the rest wait, and are served once those are gone.
many = []
for _ in range(80):
    try:
        many.append(connect())
    except OSError:
        break
for s in many:
    s.close()
# It may not have heard yet that they are gone, and shut one more.
for _ in range(100):
    s = connect()
    s.sendall(GET + HOST + b"\r\n")
    got = answer(s)
    s.close()
    if got:
        break
    time.sleep(0.1)
expect("after many", got, (200,))
print("failures", failures)
sys.exit(failures != 0)

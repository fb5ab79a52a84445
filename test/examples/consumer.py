"""Reads the events of Sluice into a file, each one once, whatever is killed in between.

    NATS_URL=$(cat .sluice/nats.url) python3 consumer.py <name> <subject> <file>
    NATS_URL=… python3 consumer.py billing 'evt.job.*.succeeded' jobs.jsonl

It needs nothing but Python's standard library, so it speaks the protocol of NATS itself. With the
package nats-py, `Nats` below is `nats.connect`, `subscribe` is `js.pull_subscribe(subject, name)` with
`fetch` and `message.ack()`, and `stored` is `(await js.object_store(bucket)).get(name)`.

1. The server remembers under <name> how far it has come: started again, it goes on from there.
2. An event is acknowledged when it is in the file. Killed before, it comes once more, and is known by
   its id.
3. A large event lies in an object store; its message is empty and names it in a header.
"""

import base64
import json
import os
import socket
import sys
import time
import urllib.parse
import uuid

WAIT_S = 5


class Nats:
    def __init__(self, url):
        at = urllib.parse.urlparse(url)
        self.socket = socket.create_connection((at.hostname, at.port or 4222), timeout=10 * WAIT_S)
        self.lines = self.socket.makefile("rb")
        self.inbox = f"_INBOX.{uuid.uuid4().hex}"
        self.lines.readline()  # INFO
        options = {"verbose": False, "lang": "python", "version": "1", "headers": True, "no_responders": True}
        if at.username:
            options |= {"user": at.username, "pass": at.password}
        self.send(f"CONNECT {json.dumps(options)}\r\nSUB {self.inbox} 1\r\n")

    def send(self, text):
        self.socket.sendall(text.encode())

    def publish(self, subject, body="", reply=""):
        self.send(f"PUB {subject} {reply} {len(body.encode())}\r\n{body}\r\n")

    def receive(self):
        """The next message: its reply subject, its headers (the status is under ""), its body."""
        while True:
            verb, *words = self.lines.readline().decode().split() or ["closed"]
            if verb == "PING":
                self.send("PONG\r\n")
            elif verb in ("MSG", "HMSG"):
                size = int(words[-1])
                head = int(words[-2]) if verb == "HMSG" else 0
                reply = words[2] if len(words) == (5 if head else 4) else ""
                content = self.lines.read(size + 2)[:size]
                status, *headers = content[:head].decode().strip().split("\r\n")
                pairs = (header.split(":", 1) for header in headers)
                headers = {key: value.strip() for key, value in pairs}
                return reply, headers | {"": status.removeprefix("NATS/1.0").strip()}, content[head:]
            elif verb not in ("PONG", "+OK", "INFO"):
                raise ConnectionError(f"{verb} {' '.join(words)}")

    def ask(self, subject, question=""):
        self.publish(subject, question, self.inbox)
        _, headers, body = self.receive()
        if headers[""]:
            raise ConnectionError(f"{subject}: {headers['']}")
        return headers, body

    def stored(self, reference):
        """An object: what it is made of is said on its subject M, its pieces on a subject C."""
        bucket, name = reference.split("/", 1)
        at = f"$JS.API.DIRECT.GET.OBJ_{bucket}"
        _, about = self.ask(f"{at}.$O.{bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}")
        about, content, seq = json.loads(about), b"", 0
        for _ in range(about["chunks"]):
            where = {"seq": seq + 1, "next_by_subj": f"$O.{bucket}.C.{about['nuid']}"}
            headers, piece = self.ask(at, json.dumps(where))
            content, seq = content + piece, int(headers["Nats-Sequence"])
        return content


def consume(url, name, subject, handle):
    nats = Nats(url)
    config = {"durable_name": name, "filter_subject": subject, "ack_policy": "explicit", "max_ack_pending": 100}
    _, answer = nats.ask(f"$JS.API.CONSUMER.CREATE.EVENTS.{name}", json.dumps({"stream_name": "EVENTS", "config": config}))
    if "error" in json.loads(answer):
        raise SystemExit(answer.decode())
    pull = json.dumps({"batch": 1, "expires": WAIT_S * 1_000_000_000})
    while True:
        nats.publish(f"$JS.API.CONSUMER.MSG.NEXT.EVENTS.{name}", pull, nats.inbox)
        reply, headers, body = nats.receive()
        if headers.get(""):  # nothing within WAIT_S
            continue
        handle(json.loads(body or nats.stored(headers["Sluice-Payload"])))
        nats.publish(reply, "+ACK")


def main(name, subject, file):
    with open(file, "ab+") as out:
        out.seek(0)
        lines = out.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        out.truncate(sum(map(len, whole)))  # a kill may have cut the last one
        seen = {json.loads(line)["id"] for line in whole}

        def handle(event):
            if event["id"] not in seen:
                out.write(json.dumps(event).encode() + b"\n")
                out.flush()
                seen.add(event["id"])

        while True:
            try:
                consume(os.environ["NATS_URL"], name, subject, handle)
            except OSError as error:  # the server is away
                print(error, file=sys.stderr)
                time.sleep(1)


if len(sys.argv) != 4 or "NATS_URL" not in os.environ:
    sys.exit("usage: NATS_URL=$(cat .sluice/nats.url) consumer.py <name> <subject> <file>")
main(*sys.argv[1:])

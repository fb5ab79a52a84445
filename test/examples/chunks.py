"""A client of the chunk API with nothing but Python 3's own library: time-outs, retries with
exponential backoff, errors that are read, and a log line for each attempt.

    SLUICE_URL=http://127.0.0.1:8000 python3 test/examples/chunks.py

SLUICE_API_KEY is sent if it is there. Each answer is a line of JSON.
"""
import http.client
import json
import logging
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("SLUICE_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("SLUICE_API_KEY")
TIMEOUT_S = 10
ATTEMPTS = 5
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 60
# What may be well a little later; anything else is not mended by asking again.
RETRYABLE = {429, 503, 504}

log = logging.getLogger("chunks")


class Refused(Exception):
    """What the API does not want, in its own words."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body.get('code')}: {body.get('message')}")
        self.status = status
        self.body = body


def call(method, path, body=None):
    headers = {"Content-Type": "application/json"}
    if method == "POST":
        # All attempts are one request: an analysis whose answer got lost is not made again.
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if KEY:
        headers["X-API-Key"] = KEY
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers, method=method)
    for attempt in range(1, ATTEMPTS + 1):
        wait_s = FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.5, 1)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                log.info("%s %s: %s", method, path, answer.status)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            failure = Refused(error.code, json.load(error))
            wait_s = max(wait_s, float(error.headers.get("Retry-After", 0)))
        except (OSError, http.client.HTTPException) as error:
            failure = error
        if isinstance(failure, Refused) and failure.status not in RETRYABLE:
            raise failure
        log.warning("%s %s, attempt %d: %s", method, path, attempt, failure)
        if attempt == ATTEMPTS or wait_s > LONGEST_WAIT_S:
            raise failure
        time.sleep(wait_s)


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    texts = ["Sluice runs functions and keeps their jobs.", "Sluice keeps the jobs of functions."]
    # One request for many chunks, not many for one.
    items = [{"chunk_id": f"c{n}", "content": text} for n, text in enumerate(texts)]
    batch_id = f"python-{uuid.uuid4()}"
    say(call("POST", "/api/v1/batch/analyze", {"batch_id": batch_id, "items": items}))
    pair = {"content1": texts[0], "content2": texts[1]}
    say(call("POST", "/api/v1/similarity/calculate", pair))
    say(call("GET", f"/api/v1/optimizations?batch_id={batch_id}"))
    try:
        call("POST", "/api/v1/chunks/analyze", {"chunk_id": "", "content": texts[0]})
    except Refused as refused:
        say(refused.body)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        main()
    except (Refused, OSError, http.client.HTTPException) as error:
        sys.exit(f"{URL}: {error}")

#!/bin/sh
# The chunk API by cURL: time-outs, and retries with exponential backoff, as curl itself does them
# for 408, 429, 5xx and lost connections; it waits as long as Retry-After says.
#
#   SLUICE_URL=http://127.0.0.1:8000 sh test/examples/chunks.sh
#
# SLUICE_API_KEY is sent if it is there. Each answer is a line of JSON.
set -eu

url=${SLUICE_URL:-http://127.0.0.1:8000}
uuid() { cat /proc/sys/kernel/random/uuid; }
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# call <method> <path> [<body>]
call() {
  # All attempts are one request: an analysis whose answer got lost is not made again.
  status=$(curl --silent --show-error --connect-timeout 2 --max-time 10 \
    --retry 4 --retry-all-errors --retry-max-time 60 \
    --request "$1" --header "Idempotency-Key: $(uuid)" \
    ${SLUICE_API_KEY:+--header "X-API-Key: $SLUICE_API_KEY"} \
    ${3:+--header 'Content-Type: application/json' --data "$3"} \
    --output "$answer" --write-out '%{http_code}' "$url$2")
  echo "$1 $2: $status" >&2
  cat "$answer"
  echo
}

one='Sluice runs functions and keeps their jobs.'
two='Sluice keeps the jobs of functions.'
batch="curl-$(uuid)"

# One request for many chunks, not many for one.
call POST /api/v1/batch/analyze "{\"batch_id\": \"$batch\", \"items\": [
  {\"chunk_id\": \"c0\", \"content\": \"$one\"},
  {\"chunk_id\": \"c1\", \"content\": \"$two\"}]}"
call POST /api/v1/similarity/calculate "{\"content1\": \"$one\", \"content2\": \"$two\"}"
call GET "/api/v1/optimizations?batch_id=$batch"
call POST /api/v1/chunks/analyze "{\"chunk_id\": \"\", \"content\": \"$one\"}"

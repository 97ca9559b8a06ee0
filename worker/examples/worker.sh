#!/bin/sh
# A worker in shell and curl, one run at a time. A new type is one word in the claim and one line in `case`.
#   ESCAPEMENT_URL=http://127.0.0.1:4400 ESCAPEMENT_TOKEN=... sh worker/examples/worker.sh
url=${ESCAPEMENT_URL:-http://127.0.0.1:4400}/v1 me=sh-$$-$(date +%s) out=$(mktemp)
api() { curl -sSf --retry 30 --retry-delay 1 --retry-connrefused ${ESCAPEMENT_TOKEN:+-H "Authorization: Bearer $ESCAPEMENT_TOKEN"} "$url/$@"; }
member() { value=${lease#*\""$1"\":}; value=${value#\"}; echo "${value%%[\",]*}"; } # inputs come last and are cut off first
trap 'kill $poll $job $beat 2>/dev/null; api "executors/$me" -X DELETE --retry 2; rm "$out"; exit 0' INT TERM
while n=$((n + 1)); do
  api leases -o "$out" -d '{"executor":"'$me'","types":["sh.hello","sh.disk","sh.sleep"],"requestId":"'$n'"}' & poll=$!
  wait $poll || { n=$((n - 1)); sleep 1; continue; } # the same requestId again: a lost answer strands nothing
  answer=$(cat "$out") lease=${answer%%,\"input*} input=${answer#*,\"input\":} id=$(member id)
  case $(member type) in
    sh.hello) set -- echo "hello from $(uname -n), the input is ${input%\}]\}}" ;;
    sh.disk) set -- df -h / ;;
    sh.sleep) set -- sleep "${input%\}]\}}" ;;
    *) continue ;; # nothing came while the poll was parked
  esac
  "$@" >"$out" 2>&1 & job=$!
  while sleep 3 && kill -0 $job; do # far from the lease's end, and soon enough for somebody who cancels; a refused beat is a lost lease
    case $(api "leases/$id/heartbeat" -d '' || echo '"cancel":true') in *'"cancel":true'*) kill $job ;; esac
  done & beat=$!
  wait $job && how=complete what='{"output":"see the log"}' || how=fail what='{"error":{"message":"exit code '$?'"}}'
  kill $beat
  [ ! -s "$out" ] || api "leases/$id/logs" -H 'Content-Type: text/plain' --data-binary @"$out"
  api "leases/$id/$how" -d "$what"
done >/dev/null

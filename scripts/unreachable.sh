#!/usr/bin/env bash
# A check failed: that is only no failure if its list cannot be fetched from here. ADDRESS WHAT
if curl --silent --head --max-time 20 "$1" >/dev/null && [ "${1#*npmjs}" = "$1" ]; then
  exit 1
fi
# npm's mirrors answer, but have no advisories: the answer to an empty question tells.
if [ "${1#*npmjs}" != "$1" ] && curl --silent --fail --max-time 20 -X POST -H 'content-type: application/json' -d '{}' "$1" >/dev/null; then
  exit 1
fi
echo "SKIPPED: $2 cannot be fetched from this network"

#!/usr/bin/env bash
# A check failed: that is only no failure if its list cannot be fetched from here. ADDRESS WHAT
case "$1" in
  # Mirrors of npm answer, but have no advisories: an empty question tells.
  *npmjs*) ask=(--fail --request POST --header 'content-type: application/json' --data '{}') ;;
  *) ask=(--head) ;;
esac
curl --silent --max-time 20 "${ask[@]}" "$1" >/dev/null && exit 1
echo "SKIPPED: $2 cannot be fetched from this network"

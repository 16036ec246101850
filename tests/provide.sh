#!/bin/sh
# Installs the Debian programs that some tests drive, where this user may; otherwise says loudly what will not be tested.
set -u
missing=""
for pair in chromium:chromium lego:lego pebble:pebble dig:bind9-dnsutils nginx:nginx-light wrk:wrk curl:curl redis-server:redis-server bwrap:bubblewrap strace:strace faketime:faketime; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing for the tests:$missing"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1
fi
for pair in chromium:chromium lego:lego pebble:pebble dig:bind9-dnsutils nginx:nginx-light wrk:wrk curl:curl redis-server:redis-server bwrap:bubblewrap strace:strace faketime:faketime; do
  command -v "${pair%%:*}" >/dev/null 2>&1 ||
    echo "!!! ${pair%%:*} is not installed and could not be: the tests that need it WILL BE SKIPPED (Debian package ${pair##*:})"
done
exit 0

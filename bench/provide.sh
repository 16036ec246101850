#!/bin/sh
# Installs the Debian programs that the measurements drive, where this user may; otherwise says loudly what is missing.
set -u
lua=/usr/lib/nginx/modules/ngx_http_lua_module.so
missing=""
command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
command -v wrk >/dev/null 2>&1 || missing="$missing wrk"
[ -e "$lua" ] || missing="$missing libnginx-mod-http-lua"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing for the measurements:$missing"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1
fi
for program in nginx wrk; do
  command -v "$program" >/dev/null 2>&1 || echo "!!! $program is not installed and could not be: what needs it WILL NOT BE MEASURED"
done
[ -e "$lua" ] || echo "!!! nginx's Lua module (Debian package libnginx-mod-http-lua) is missing: nginx+Lua WILL NOT BE MEASURED"
exit 0

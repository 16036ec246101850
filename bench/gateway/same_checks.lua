-- The checks of a signed call as somebody would write them by hand for nginx: a yardstick, not a door of Mandat's.
-- Signature, clock, application, credential, rules; then the call goes on with the caller's identity and an id.
-- Left out, in its favour: the canonical target, hashed keys, strict JSON, replay, assertion, JSON log lines, reload.
local ffi = require "ffi"
require "resty.core"
pcall(ffi.cdef, "unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src, size_t len);")

local door = { window_seconds = 180 }
local hex_buffer = ffi.new("unsigned char[40]")
local rule_sets, rule_set_ids = {}, {}
local sequence = 0

-- A rule set is read once; a credential's value only names it.
local function rule_set_id(text)
  if not rule_set_ids[text] then
    local set = { exact = {}, prefixes = {} }
    for method, path in text:gmatch("([A-Z]+):([^,]+)") do
      if path:sub(-1) == "*" then
        set.prefixes[#set.prefixes + 1] = { method, path:sub(1, -2) }
      else
        set.exact[method .. path] = true
      end
    end
    rule_sets[#rule_sets + 1] = set
    rule_set_ids[text] = #rule_sets
  end
  return rule_set_ids[text]
end

function door.load(file, origin)
  door.origin = origin
  local is_first = true
  for line in io.lines(file) do
    if is_first then
      local key, secret, id = line:match("(%S+) (%S+) (%S+)")
      ngx.shared.applications:set(key, secret .. " " .. id)
      is_first = false
    else
      local key, application, credential, account, rules = line:match("(%S+) (%S+) (%S+) (%S+) (%S+)")
      local ok, fault = ngx.shared.credentials:safe_set(
        key, application .. " " .. credential .. " " .. account .. " " .. rule_set_id(rules))
      if not ok then error(fault) end
    end
  end
end

local function refuse(status, code)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.say('{"errorCode":"' .. code .. '","httpCode":"' .. status .. '"}')
  return ngx.exit(status)
end

local function covers(set, method, path)
  if set.exact[method .. path] then return true end
  for i = 1, #set.prefixes do
    local rule = set.prefixes[i]
    if rule[1] == method and path:sub(1, #rule[2]) == rule[2] then return true end
  end
  return false
end

function door.check()
  local headers = ngx.req.get_headers()
  local key, consumer = headers["X-Ovh-Application"], headers["X-Ovh-Consumer"]
  local stamp, signature = headers["X-Ovh-Timestamp"], headers["X-Ovh-Signature"]
  if not (key and consumer and stamp and signature) then return refuse(401, "MISSING_CREDENTIAL") end
  local signed_at = tonumber(stamp)
  if not signed_at or math.abs(ngx.time() - signed_at) > door.window_seconds then
    return refuse(400, "QUERY_TIME_OUT")
  end
  local application = ngx.shared.applications:get(key)
  if not application then return refuse(403, "INVALID_KEY") end
  local secret, application_id = application:match("(%S+) (%S+)")
  local credential = ngx.shared.credentials:get(consumer)
  if not credential then return refuse(403, "NOT_CREDENTIAL") end
  local owner, credential_id, account, rules = credential:match("(%S+) (%S+) (%S+) (%S+)")
  if owner ~= application_id then return refuse(403, "NOT_CREDENTIAL") end
  local method, target, body = ngx.req.get_method(), ngx.var.request_uri, ""
  if method ~= "GET" and method ~= "HEAD" then
    ngx.req.read_body()
    body = ngx.req.get_body_data() or ""
  end
  local digest = ngx.sha1_bin(
    secret .. "+" .. consumer .. "+" .. method .. "+" .. door.origin .. target .. "+" .. body .. "+" .. stamp)
  ffi.C.ngx_hex_dump(hex_buffer, digest, 20)
  if signature ~= "$1$" .. ffi.string(hex_buffer, 40) then return refuse(400, "INVALID_SIGNATURE") end
  local path = target:match("^/1%.0([^?]*)") or ""
  if not covers(rule_sets[tonumber(rules)], method, path) then return refuse(403, "NOT_GRANTED_CALL") end
  ngx.shared.uses:incr(credential_id, 1, 0)
  sequence = sequence + 1
  ngx.req.clear_header("X-Ovh-Application")
  ngx.req.clear_header("X-Ovh-Consumer")
  ngx.req.clear_header("X-Ovh-Timestamp")
  ngx.req.clear_header("X-Ovh-Signature")
  ngx.req.set_header("X-Mandat-Account", account)
  ngx.req.set_header("X-Mandat-Application", application_id)
  ngx.req.set_header("X-Mandat-Credential", credential_id)
  local query_id = "EU.gw-1." .. ngx.now() .. "." .. sequence
  ngx.req.set_header("X-Ovh-QueryID", query_id)
  ngx.header["X-Ovh-QueryID"] = query_id
end

return door

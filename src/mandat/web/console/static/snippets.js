// The call just made, as a shell and a Python program would make it. Secret and consumer key are never written: both
// programs take them from the environment, under the names that OVHcloud's clients read.

/** curl for POSIX shells, signing for itself; with the application key alone, or with none, a plain call. */
export function curlOf({ method, url, body, applicationKey, isSigned }, timeUrl) {
  const lines = [];
  const options = [`curl -X ${method} "$url"`];
  lines.push(`url=${shellQuoted(url)}`);
  if (body) {
    lines.push(`body=${shellQuoted(body)}`);
    options.push(`-H 'Content-Type: application/json' --data-raw "$body"`);
  }
  if (applicationKey) {
    options.push(`-H ${shellQuoted(`X-Ovh-Application: ${applicationKey}`)}`);
  }
  if (isSigned) {
    const signed = `$OVH_APPLICATION_SECRET+$OVH_CONSUMER_KEY+${method}+$url+${body ? "$body" : ""}+$time`;
    lines.push(`time=$(curl -s ${shellQuoted(timeUrl)})`);
    lines.push(`signature='$1$'$(printf %s "${signed}" | sha1sum | cut -c -40)`);
    options.push(`-H "X-Ovh-Consumer: $OVH_CONSUMER_KEY"`);
    options.push(`-H "X-Ovh-Timestamp: $time" -H "X-Ovh-Signature: $signature"`);
  }
  return [...lines, options.join(" \\\n  ")].join("\n");
}

/** Python with the SDK. `base` is the endpoint, which `url` begins with. */
export function pythonOf({ method, url, body, isSigned }, base) {
  const path = url.startsWith(base) ? url.slice(base.length) : url;
  const data = body ? pythonLiteral(body) : null;
  const given = [JSON.stringify(method), JSON.stringify(path)];
  if (data !== null) {
    given.push(data);
  }
  if (!isSigned) {
    given.push("need_auth=False");
  }
  return [
    "from mandat.client import Client",
    "",
    `client = Client(${JSON.stringify(base)})`,
    `print(client.call(${given.join(", ")}))`,
  ].join("\n");
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const TOKENS = /"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g;
const WORDS = { true: "True", false: "False", null: "None" };

/** JSON text as a Python literal; null when it is not JSON. Numbers stay as they were typed, however long. */
export function pythonLiteral(json) {
  try {
    JSON.parse(json);
  } catch {
    return null;
  }
  // A string written anew has no escape that Python reads differently ("\/", halves of a pair).
  return json.replace(TOKENS, (token) => WORDS[token] ?? JSON.stringify(JSON.parse(token)));
}

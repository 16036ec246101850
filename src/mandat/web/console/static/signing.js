// Signs calls as OVHcloud's clients do: "$1$" + SHA-1 over secret, consumer key, method, URL, body and time, joined by
// "+". The secret is only hashed here; it is part of no request.

/** WebCrypto exists on https and on loopback addresses only. */
export function canSign() {
  return Boolean(globalThis.crypto?.subtle);
}

/** The value of X-Ovh-Signature. `url` and `body` are exactly what is sent. */
export async function signatureOf(keys, { method, url, body, timestamp }) {
  const signed = [keys.applicationSecret, keys.consumerKey, method, url, body, timestamp].join("+");
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(signed));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `$1$${hex}`;
}

/** The server's time, asked for once and again after `forget`. */
export class ServerClock {
  #delta = null;
  #url;

  constructor(url) {
    this.#url = url;
  }

  /** Unix seconds. Rejects when the server does not say. */
  async now() {
    this.#delta ??= await this.#ask();
    return localSeconds() + this.#delta;
  }

  forget() {
    this.#delta = null;
  }

  async #ask() {
    const answer = await fetch(this.#url, { cache: "no-store" });
    const text = await answer.text();
    if (!answer.ok || !/^[0-9]{1,12}$/.test(text)) {
      throw new Error(`${this.#url} answered no time`);
    }
    return Number(text) - localSeconds();
  }
}

/** The request with the headers that `keys` allow: four, the application key alone, or none. */
export async function withKeys(request, keys, clock) {
  const url = new URL(request.url).href;
  const headers = { ...request.headers };
  if (keys.applicationKey) {
    headers["X-Ovh-Application"] = keys.applicationKey;
  }
  if (keys.applicationKey && keys.applicationSecret && keys.consumerKey && canSign()) {
    const timestamp = String(await clock.now());
    const call = { method: request.method.toUpperCase(), url, body: request.body ?? "", timestamp };
    headers["X-Ovh-Consumer"] = keys.consumerKey;
    headers["X-Ovh-Timestamp"] = timestamp;
    headers["X-Ovh-Signature"] = await signatureOf(keys, call);
  }
  return { ...request, url, headers };
}

function localSeconds() {
  return Math.floor(Date.now() / 1000);
}

// The developer's three keys, for this tab only: sessionStorage ends with the tab and is not shared with others.
// Where a browser keeps no storage, they live in this page's memory.

const NAME = "mandat.console.keys";
export const KEY_NAMES = ["applicationKey", "applicationSecret", "consumerKey"];

let memory = null;

/** The keys as {applicationKey, applicationSecret, consumerKey}; what is missing is "". */
export function loadKeys() {
  const kept = memory ?? readStorage() ?? {};
  return Object.fromEntries(KEY_NAMES.map((name) => [name, typeof kept[name] === "string" ? kept[name] : ""]));
}

/** Keeps the keys for this tab. */
export function saveKeys(keys) {
  memory = { ...keys };
  try {
    sessionStorage.setItem(NAME, JSON.stringify(memory));
  } catch {
    // Storage is switched off: `memory` has them until the page is left.
  }
}

/** Forgets them. */
export function forgetKeys() {
  memory = {};
  try {
    sessionStorage.removeItem(NAME);
  } catch {
    // Nothing was kept.
  }
}

function readStorage() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "null");
    return kept !== null && typeof kept === "object" ? kept : null;
  } catch {
    return null;
  }
}

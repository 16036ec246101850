// Asking for keys: a link to createToken with the rights filled in, for an hour. The page there shows them in words and
// grants nothing before it is confirmed.

const HOUR_SECONDS = 3600;

/** The address of createToken for `rules`, a list of {method, path}. */
export function keyLink({ createToken, texts }, rules) {
  const query = new URLSearchParams({
    applicationName: texts.applicationName,
    applicationDescription: texts.applicationDescription,
    duration: HOUR_SECONDS,
  });
  for (const { method, path } of rules) {
    query.append(method, path);
  }
  return `${createToken}?${query}`;
}

/** The rules of the boxes that are ticked. Each box names its own as "METHOD path", one to a line. */
export function pickedRules(boxes) {
  const rules = [...boxes].filter((box) => box.checked).flatMap((box) => box.dataset.rules.split("\n"));
  return rules.map((rule) => {
    const [method, path] = rule.split(" ");
    return { method, path };
  });
}

// What the console adds to Swagger UI: a layout without what the page has already, which rule an operation needs and
// how the consent page says it, and the call just made as curl and Python.

import { keyLink } from "./rights.js";
import { curlOf, pythonOf } from "./snippets.js";

/** A Swagger UI plugin. `settings` are the page's. */
export function operationsPlugin(settings) {
  const { texts } = settings;
  return (system) => {
    const h = system.React.createElement;
    return {
      components: {
        ConsoleLayout: (props) => layout(h, props, settings),
      },
      wrapComponents: {
        parameters: (Original) => (props) => h("div", null, needs(h, props.operation, settings), h(Original, props)),
        curl: () => (props) => code(h, props.request, settings),
        // Swagger UI gives these two no name, and readers of the screen nothing to tell them apart by.
        responses: (Original) => (props) => {
          const name = `${texts.responses} ${props.method.toUpperCase()} ${props.path}`;
          return h("div", { ref: (node) => nameTable(node, name) }, h(Original, props));
        },
        TextArea: (Original) => (props) => h(Original, { "aria-label": texts.body, ...props }),
        // Keys are given once, above, and never to Swagger UI.
        authorizeOperationBtn: () => () => null,
      },
    };
  };
}

function nameTable(node, name) {
  node?.querySelector("table.responses-table")?.setAttribute("aria-label", name);
}

function layout(h, { getComponent, specSelectors }, { texts }) {
  const status = specSelectors.loadingStatus();
  const said = { loading: texts.loading, failed: texts.loadingFailed }[status];
  return h(
    "div",
    { className: "swagger-ui" },
    h(getComponent("SvgAssets")),
    said ? h("p", { role: "status", className: "loading" }, said) : h(getComponent("operations", true)),
  );
}

function needs(h, operation, settings) {
  const { texts } = settings;
  const rule = operation.get("x-mandat-rule");
  if (!rule) {
    return h("div", { className: "needs" }, h("p", null, texts[neededWithoutRule(operation)]));
  }
  const right = operation.get("x-mandat-right").toJS();
  const [method, path] = rule.split(" ");
  const anything = { method, path: path.replace(/\{[^{}]*\}/g, "*") };
  const marks = right.risks.flatMap((risk) => [
    " ",
    h("span", { key: risk, className: `badge badge-${risk === "deletes" ? "caution" : "danger"}` }, texts[risk]),
  ]);
  return h(
    "div",
    { className: "needs" },
    h("p", null, `${texts.needsRule} `, h("code", null, rule)),
    h("p", null, `${texts.consentSays} `, h("q", null, right.text), ...marks),
    h("p", null, h("a", { href: keyLink(settings, [anything]) }, texts.makeKey)),
  );
}

function neededWithoutRule(operation) {
  const alternatives = operation.get("security")?.toJS() ?? [];
  if (alternatives.length === 0) {
    return "needsNothing";
  }
  return "signature" in alternatives[0] ? "needsNoRule" : "needsApplication";
}

function code(h, request, { texts, base }) {
  const { url, method, headers = {}, body } = request.toJS();
  const call = {
    url,
    method: method.toUpperCase(),
    body: body ?? "",
    applicationKey: headers["X-Ovh-Application"],
    isSigned: "X-Ovh-Signature" in headers,
  };
  return h(
    "section",
    { className: "call-code" },
    h("h4", null, texts.thisCall),
    call.isSigned ? h("p", null, texts.keysFromEnvironment) : null,
    snippet(h, texts.curl, curlOf(call, `${base}/auth/time`)),
    snippet(h, texts.python, pythonOf(call, base)),
  );
}

function snippet(h, title, text) {
  const shown = h("pre", { tabIndex: 0, "aria-label": title }, h("code", null, text));
  return h("figure", { key: title }, h("figcaption", null, title), shown);
}

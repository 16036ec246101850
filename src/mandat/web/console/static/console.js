// The API console: keys of this tab, the sections of the API in Swagger UI, and every call signed on its way out.

import { forgetKeys, KEY_NAMES, loadKeys, saveKeys } from "./keys.js";
import { operationsPlugin } from "./operations.js";
import { keyLink, pickedRules } from "./rights.js";
import { canSign, ServerClock, withKeys } from "./signing.js";

const settings = JSON.parse(document.getElementById("console-settings").textContent);
const { texts, base, sections } = settings;
const clock = new ServerClock(`${base}/auth/time`);
const find = (id) => document.getElementById(id);

function showKeys() {
  const keys = loadKeys();
  for (const name of KEY_NAMES) {
    find(`key-${name}`).value = keys[name];
  }
  sayKeys(keys);
}

function sayKeys(keys) {
  const given = KEY_NAMES.filter((name) => keys[name] !== "").length;
  const said = { 0: texts.noKeys, 3: texts.allKeys }[given] ?? texts.someKeys;
  find("keys-state").textContent = said;
}

function listenToKeys() {
  for (const name of KEY_NAMES) {
    find(`key-${name}`).addEventListener("input", () => {
      const keys = Object.fromEntries(KEY_NAMES.map((each) => [each, find(`key-${each}`).value.trim()]));
      saveKeys(keys);
      sayKeys(keys);
    });
  }
  find("keys-forget").addEventListener("click", () => {
    forgetKeys();
    showKeys();
    find("keys-state").textContent = texts.forgotten;
  });
}

function listenToRights() {
  const boxes = document.querySelectorAll("[data-rules]");
  const button = find("rights-make");
  const refresh = () => {
    button.disabled = pickedRules(boxes).length === 0;
  };
  boxes.forEach((box) => box.addEventListener("change", refresh));
  button.addEventListener("click", () => {
    location.assign(keyLink(settings, pickedRules(boxes)));
  });
  refresh();
}

function sectionInAddress() {
  const wanted = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  return sections.find(({ name }) => name === wanted) ?? sections[0];
}

function markSection({ name }) {
  for (const link of document.querySelectorAll("[data-section]")) {
    if (link.dataset.section === name) {
      link.setAttribute("aria-current", "true");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  find("operations-title").textContent = `/${name}`;
}

async function beforeSending(request) {
  return request.loadSpec ? request : withKeys(request, loadKeys(), clock);
}

function afterAnswer(answer) {
  if (answer.obj?.errorCode === "QUERY_TIME_OUT") {
    clock.forget();
  }
  return answer;
}

function startSwagger() {
  const first = sectionInAddress();
  const ui = SwaggerUIBundle({
    domNode: find("operations"),
    url: first.openapi,
    layout: "ConsoleLayout",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [operationsPlugin(settings)],
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    requestInterceptor: beforeSending,
    responseInterceptor: afterAnswer,
    onComplete: () => {
      document.documentElement.dataset.console = "ready";
    },
  });
  markSection(first);
  addEventListener("hashchange", () => {
    const section = sectionInAddress();
    markSection(section);
    ui.specActions.updateUrl(section.openapi);
    ui.specActions.download(section.openapi);
  });
}

function followColours() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

followColours();
find("needs-script").hidden = true;
find("console").hidden = false;
find("calls").hidden = false;
find("cannot-sign").hidden = canSign();
showKeys();
listenToKeys();
listenToRights();
startSwagger();

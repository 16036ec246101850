// On the page that shows new keys once: takes them over to the API console of this tab, when asked to.

import { saveKeys } from "./keys.js";

const button = document.getElementById("use-in-console");

function shown(id) {
  return document.querySelector(`[aria-labelledby="${id}"]`).textContent;
}

button.hidden = false;
button.addEventListener("click", () => {
  saveKeys({
    applicationKey: shown("application-key"),
    applicationSecret: shown("application-secret"),
    consumerKey: shown("consumer-key"),
  });
  location.assign(button.dataset.console);
});

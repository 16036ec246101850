// Makes calls with one of OVHcloud's Node clients, unchanged, and says what came of each.
// In (standard input): {"package": path, "options": {...}, "calls": [[method, path, parameters], ...]}
// Out: {"outcomes": [{"answer": ...} | {"error": ..., "message": ...}, ...], "warnings": [...]}
'use strict';

const told = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const warnings = [];
const client = require(told.package)({ ...told.options, warn: (...words) => warnings.push(words.join(' ')) });

(async () => {
  const outcomes = [];
  for (const [method, path, parameters] of told.calls) {
    try {
      outcomes.push({ answer: await client.requestPromised(method, path, parameters) });
    } catch (failure) {
      outcomes.push({ error: failure.error, message: failure.message });
    }
  }
  process.stdout.write(JSON.stringify({ outcomes, warnings }));
})();

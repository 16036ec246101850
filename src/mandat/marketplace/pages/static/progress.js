// Shows an installation's progress as it happens. Without this file the page loads itself again every few seconds.
(function () {
  "use strict";
  const place = document.getElementById("progress");
  if (!place || !window.EventSource) return;
  const events = new EventSource(place.dataset.events);
  events.addEventListener("progress", function (event) {
    const piece = document.createElement("template");
    piece.innerHTML = event.data;
    place.replaceChildren(piece.content);
  });
  events.addEventListener("end", function () {
    events.close();
    window.location.reload();
  });
  // A browser comes again by itself after a broken connection, but gives up after an answer that is no stream.
  events.addEventListener("error", function () {
    if (events.readyState !== EventSource.CLOSED) return;
    const again = window.setInterval(function () {
      fetch("/health/live", { cache: "no-store" }).then(function (answer) {
        if (!answer.ok) return;
        window.clearInterval(again);
        window.location.reload();
      }, function () {});
    }, 2000);
  });
})();

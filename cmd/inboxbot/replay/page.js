"use strict";
// Without this script everything is there, only not filtered.
document.addEventListener("DOMContentLoaded", function () {
  const form = document.getElementById("filter");
  const change = document.getElementById("change"), guard = document.getElementById("guard"), count = document.getElementById("count");
  function show() {
    let cuts = 0, conversations = 0;
    for (const conversation of document.querySelectorAll(".conversation")) {
      let any = 0;
      for (const cut of conversation.querySelectorAll(".cut")) {
        const d = cut.dataset;
        const fits = (change.value === "" || change.value === d.change || change.value === d.way) &&
          (guard.value === "" || d.guards.includes("," + guard.value + ","));
        cut.hidden = !fits;
        if (fits) any++;
      }
      conversation.hidden = any === 0;
      cuts += any;
      if (any > 0) conversations++;
    }
    count.textContent = cuts + " cuts in " + conversations + " conversations";
  }
  form.hidden = false;
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.addEventListener("change", show);
  show();
});

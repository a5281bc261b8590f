// Opened as a file, a page may not read other pages: search then lists titles without extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The boxes above the scorecard choose which verdicts are shown.
addEventListener("change", (event) => {
  const verdict = event.target.dataset?.verdict;
  if (!verdict) return;
  for (const shown of document.querySelectorAll(`.tile.${verdict}, table.claims tr.${verdict}`))
    shown.classList.toggle("off", !event.target.checked);
});

// Before the first paint: the appearance that the reader chose last, and whether the still first screen is what the address asks for.
try {
  // What the address says; a frame else follows the page around it.
  const said = /[#&]theme=(light|dark)\b/.exec(location.hash)?.[1];
  const theme = said ?? (/[#&]embed=\w/.test(location.hash) ? null : localStorage.getItem("theme"));
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}
const other = location.hash.slice(1).split("&").some((part) => part && !/^(v=2|view=story|present=.*|theme=.*|name=.*)$/.test(part));
if (other) document.documentElement.dataset.start = "other";

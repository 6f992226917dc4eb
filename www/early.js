// Before the first paint: the appearance that the reader chose last, and whether the still first screen is what the address asks for.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}
const other = location.hash.slice(1).split("&").some((part) => part && !/^(v=2|view=story|present=.*|name=.*)$/.test(part));
if (other) document.documentElement.dataset.start = "other";

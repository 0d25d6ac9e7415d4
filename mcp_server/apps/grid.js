/* The table as a grid: one row takes the focus, the arrow keys move it, Enter opens. */

const grid = (() => {
  const acts = new WeakMap();
  const body = () => byId("rows");
  const rows = () => [...body().children].filter((row) => acts.has(row));

  function focus(row) {
    for (const other of rows()) other.tabIndex = other === row ? 0 : -1;
    row.focus();
  }

  /** Show rows of `[row, action, key]` under headings; the row of the key, or else the first, is next to be focused. */
  function show(headings, made, key) {
    document.querySelector("thead tr").replaceChildren(
      ...headings.map((heading) => make("th", { role: "columnheader", scope: "col" }, heading)),
    );
    for (const [row, act] of made) acts.set(row, act);
    body().replaceChildren(...made.map(([row]) => row));
    const at = Math.max(0, made.findIndex(([, , known]) => known === key));
    for (const [row] of made) row.tabIndex = -1;
    if (made[at]) made[at][0].tabIndex = 0;
  }

  function toggle(row, entry) {
    const isOpen = row.getAttribute("aria-expanded") === "true";
    row.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) row.nextElementSibling.remove();
    else row.after(detailsRow(entry));
  }

  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };

  function pressed(event, goUp) {
    const all = rows();
    const at = all.indexOf(event.target);
    const isExpandable = event.target.hasAttribute("aria-expanded");
    const isOpen = event.target.getAttribute("aria-expanded") === "true";
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) focus(all[Math.min(all.length - 1, Math.max(0, at + moves[event.key]))]);
    else if (event.key === "Enter" || event.key === " ") acts.get(event.target)();
    else if (event.key === "ArrowRight" && !isOpen) acts.get(event.target)();
    else if (event.key === "ArrowLeft" && isExpandable && isOpen) acts.get(event.target)();
    else if (event.key === "ArrowLeft" || event.key === "Backspace") goUp();
    else return;
    event.preventDefault();
  }

  function listen(goUp) {
    body().addEventListener("keydown", (event) => pressed(event, goUp));
    body().addEventListener("click", ({ target }) => acts.get(target.closest("tr"))?.());
  }

  /** Where there are no rows, the focus is on where the reader is. */
  function focusCurrent() {
    const row = rows().find(({ tabIndex }) => tabIndex === 0);
    if (row) focus(row);
    else document.querySelector("[aria-current]").focus();
  }

  return { show, toggle, listen, focusCurrent };
})();

/* The table as a grid: one row takes the focus, the arrow keys move it, Enter opens. */

const grid = (() => {
  const acts = new WeakMap();
  const keys = new WeakMap();
  const body = () => byId("rows");
  const rows = () => [...body().children].filter((row) => acts.has(row));

  function focus(row) {
    for (const other of rows()) other.tabIndex = other === row ? 0 : -1;
    row.focus();
  }

  const current = () => rows().find(({ tabIndex }) => tabIndex === 0);
  const isOpen = (row) => row.getAttribute("aria-expanded") === "true";

  /**
   * Show rows of `[row, action, key]` under headings; the row of the key, or else the first, has the focus if a row had
   * it, and is next to be focused if none had. Rows of the same keys stay open.
   */
  function show(headings, made, key) {
    const hadFocus = body().contains(document.activeElement);
    const open = new Set(rows().filter(isOpen).map((row) => keys.get(row)));
    document.querySelector("thead tr").replaceChildren(
      ...headings.map((heading) => make("th", { role: "columnheader", scope: "col" }, heading)),
    );
    for (const [row, act, known] of made) {
      acts.set(row, act);
      keys.set(row, known);
    }
    body().replaceChildren(...made.map(([row]) => row));
    const at = Math.max(0, made.findIndex(([, , known]) => known === key));
    for (const [row] of made) row.tabIndex = -1;
    if (made[at]) made[at][0].tabIndex = 0;
    for (const [row, act, known] of made) if (row.hasAttribute("aria-expanded") && open.has(known)) act();
    if (hadFocus) focusCurrent();
  }

  function toggle(row, entry) {
    const wasOpen = isOpen(row);
    row.setAttribute("aria-expanded", String(!wasOpen));
    if (wasOpen) row.nextElementSibling.remove();
    else row.after(detailsRow(entry));
  }

  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };

  function pressed(event, goUp) {
    const all = rows();
    const at = all.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) focus(all[Math.min(all.length - 1, Math.max(0, at + moves[event.key]))]);
    else if (event.key === "Enter" || event.key === " ") acts.get(event.target)();
    else if (event.key === "ArrowRight" && !isOpen(event.target)) acts.get(event.target)();
    else if (event.key === "ArrowLeft" && isOpen(event.target)) acts.get(event.target)();
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
    const row = current();
    if (row) focus(row);
    else document.querySelector("[aria-current]").focus();
  }

  /** The key of the row that has the focus, or had it last. */
  const currentKey = () => keys.get(current());

  return { show, toggle, listen, focusCurrent, currentKey };
})();

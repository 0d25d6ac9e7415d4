/* What is on the screen: connectors, or the files of a place. It draws what the journey gives it. */

const shown = (id, isShown) => (byId(id).hidden = !isShown);

function drawFrame({ bar, sort, blank }) {
  for (const id of ["bar", "list", "reload"]) shown(id, bar);
  shown("sort", sort);
  shown("words", false);
  document.querySelector("footer").hidden = !bar;
  shown("blank", Boolean(blank));
  byId("blank").textContent = blank ?? "";
}

function drawPath(steps) {
  const items = steps.map(({ name, go }, at) => {
    const isLast = at === steps.length - 1;
    const label = make("bdi", {}, seen(name) || "(no name)");
    const attributes = { class: "step", title: seen(name), ...(isLast && { "aria-current": "page", tabindex: -1 }) };
    return make("li", {}, isLast ? make("span", attributes, label) : button(label, go, attributes));
  });
  byId("path").replaceChildren(...items);
}

function drawSearch(label, hint) {
  byId("search").placeholder = label;
  byId("search").setAttribute("aria-label", label + hint);
}

let lastPlace;

/** What is being typed stays where it is about the same place. */
function drawWordsOf(place) {
  const isSame = ["connector_id", "prefix", "pattern"].every((name) => lastPlace?.[name] === place[name]);
  if (!isSame) byId("search").value = place.term;
  lastPlace = place;
}

function drawConnectors(list, words, open, key) {
  lastPlace = undefined;
  const found = connectorsWith(list.connectors, words);
  const all = counted(list.total, "connector");
  const some = list.connectors.length < list.total ? `None of the first ${number(list.connectors.length)}` : "No connector";
  const none = list.total ? `${some} has these words.` : "There are no connectors yet.";
  drawFrame({ bar: true, blank: found.length ? "" : none });
  drawPath([{ name: "Connectors" }]);
  drawSearch("Find a connector", "");
  drawKinds([]);
  shown("list", found.length);
  shown("more", false);
  const rows = found.map((one) => [connectorRow(one), () => open(one), one.connector_id]);
  grid.show(["Name", "Status", "Last test"], rows, key);
  byId("summary").textContent = found.length < list.total ? `${number(found.length)} of ${all}` : all;
}

function drawFiles({ place, listing, label, go, leave }, key) {
  const entries = listing.rows ? entriesOf(listing, place) : [];
  const to = (prefix) => () => go({ ...placeOf({ connector_id: place.connector_id, prefix }), sort: place.sort });
  const steps = [{ name: label, prefix: "" }, ...stepsOf(place.prefix)];
  drawFrame({ bar: true, sort: true, blank: blankOf(place, listing, entries) });
  drawPath([{ name: "Connectors", go: leave }, ...steps.map(({ name, prefix }) => ({ name, go: to(prefix) }))]);
  drawSearch("Search here and below", "; Enter starts it");
  drawWordsOf(place);
  byId("sort").value = place.sort;
  drawKinds(listing.extensions ?? [], place, go);
  shown("list", entries.length);
  grid.show(["Name", "Size", "Modified"], entries.map((entry) => fileRow(entry, place, go)), key);
  byId("summary").textContent = summaryOf(listing);
  byId("more").textContent = listing.rows ? "Show more" : "Show the files";
  shown("more", listing.next_cursor || !listing.rows);
}

function fileRow(entry, place, go) {
  const row = entryRow(entry);
  if (entry.kind !== "folder") return [row, () => grid.toggle(row, entry), entry.path];
  return [row, () => go({ ...place, prefix: entry.path, recursive: true }), entry.path];
}

function blankOf(place, listing, entries) {
  if (entries.length || !listing.rows) return "";
  if (place.pattern !== EVERYTHING) return "Nothing here matches.";
  if (!place.recursive) return "There are no files directly here; subfolders are left out.";
  return place.prefix ? "There is nothing in this folder." : "There are no files.";
}

const KINDS_SHOWN = 6;

/** The most frequent endings, which begin with a dot; pressing one shows only its files. */
function drawKinds(extensions, place, go) {
  const known = extensions.filter(({ extension }) => /^\.[a-z0-9]+$/.test(extension));
  byId("kinds").replaceChildren(...known.slice(0, KINDS_SHOWN).map((kind) => chip(kind, place, go)));
  shown("kinds", known.length);
}

function chip({ extension, files }, place, go) {
  const glob = `*${extension}`;
  const isOn = place.term === glob;
  const term = isOn ? "" : glob;
  const label = make("span", {}, `${extension.slice(1)} `, make("small", {}, number(files)));
  const attributes = { class: "chip", "data-kind": kindOf(glob), "aria-pressed": String(isOn) };
  return button(label, () => go({ ...place, term, pattern: patternOf(term), recursive: true }), attributes);
}

function summaryOf({ rows, total_files: total, total_bytes: size, newest, next_cursor, truncated }) {
  const here = rows?.length ?? total;
  const known = total ?? here;
  const first = next_cursor || truncated ? "first " : "";
  const files = here < known ? `${number(here)} of ${counted(known, "file")}` : counted(known, "file");
  const latest = day(newest);
  const parts = [total === undefined ? first + files : files, bytes(size), latest && `newest ${latest}`];
  return parts.filter(Boolean).join(" · ");
}

function drawTrouble(text, again) {
  const lines = text.split("\n").map((line) => make("p", {}, seen(line)));
  byId("trouble").replaceChildren(make("div", {}, ...lines), button("Try again", again));
  shown("trouble", true);
}

/** A result without structured content is shown as its text. */
function drawWords(text) {
  drawFrame({ bar: false });
  byId("words").textContent = text.split("\n").map(seen).join("\n");
  shown("words", true);
}

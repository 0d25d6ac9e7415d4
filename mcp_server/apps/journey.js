/* Where the reader is and goes: calls of the tools through the host, one at a time; what was asked last wins. */

const BROWSE = "browse_connector_files";
const LIST = "list_connectors";
const FIRST_PAGE = 100;
const MOST_CONNECTORS = 2000;

const journey = { list: undefined, place: undefined, listing: undefined, call: undefined };

const textOf = ({ content = [] }) => content.map(({ text }) => text).filter(Boolean).join("\n");

/** The data of a call; an error of the tool is thrown with its own words. */
async function ask(name, given) {
  journey.call?.abort();
  const call = new AbortController();
  journey.call = call;
  byId("app").setAttribute("aria-busy", "true");
  try {
    const result = await host.request("tools/call", { name, arguments: given }, call.signal);
    if (result.isError || !result.structuredContent) throw new Error(textOf(result) || "The tool gave no answer.");
    return result.structuredContent;
  } finally {
    if (journey.call === call) byId("app").setAttribute("aria-busy", "false");
  }
}

/** Whether the focus is where nothing will be. */
const isLost = ({ activeElement }) => activeElement === document.body || byId("trouble").contains(activeElement);

/** Do what needs a call. What goes wrong is said above what was there before; the focus stays in what is drawn anew. */
async function attempt(work, again = work) {
  const hadFocus = document.activeElement !== document.body;
  try {
    await work();
    if (hadFocus && isLost(document)) grid.focusCurrent();
    shown("trouble", false);
  } catch (error) {
    drawTrouble(error.message, () => attempt(again));
  }
}

function showFiles(key) {
  const { list, place, listing } = journey;
  const known = list?.connectors.find((one) => one.connector_id === place.connector_id);
  drawFiles({ place, listing, label: known?.name ?? place.connector_id ?? "Files", go, leave: goToConnectors }, key);
}

function showConnectors(key) {
  drawConnectors(journey.list, byId("search").value, (one) => go(placeOf({ connector_id: one.connector_id })), key);
}

/** The row of a place that is left is the one to focus where it is a row of the next. */
async function arrive(place, options) {
  const data = await ask(BROWSE, argumentsOf(place, options));
  const key = journey.place?.prefix;
  Object.assign(journey, { place, listing: listingOf(data) });
  showFiles(key);
  byId("list").scrollTop = 0;
}

const go = (place) => attempt(() => arrive(place));

/** The list with the connectors of its other pages, up to a bound. */
async function wholeOf(list) {
  const connectors = [...list.connectors];
  let { next_cursor: cursor } = list;
  while (cursor && connectors.length < MOST_CONNECTORS) {
    const page = await ask(LIST, { cursor });
    connectors.push(...page.connectors);
    cursor = page.next_cursor;
  }
  return { ...list, connectors };
}

function goToConnectors() {
  return attempt(async () => {
    journey.list = await wholeOf(await ask(LIST, {}));
    const key = journey.place?.connector_id ?? grid.currentKey();
    if (journey.place) byId("search").value = "";
    journey.place = undefined;
    showConnectors(key);
  });
}

/** Up to the folder above; from a search to its folder, from the top to the connectors. */
function goUp() {
  const { place } = journey;
  if (!place) return;
  const above = isFlat(place) ? place.prefix : folderOf(place.prefix.slice(0, -1));
  if (isFlat(place) || place.prefix) go(placeOf({ connector_id: place.connector_id, prefix: above }));
  else goToConnectors();
}

/** The next page, below what is shown; a cursor that is refused makes a new start. */
function goOn() {
  const { place, listing } = journey;
  if (!listing.rows) return go(place);
  const before = new Set(entriesOf(listing, place).map(({ path }) => path));
  return attempt(
    async () => {
      const data = await ask(BROWSE, argumentsOf(place, { cursor: listing.next_cursor }));
      journey.listing = listingOf(data, listing);
      showFiles(entriesOf(journey.listing, place).find(({ path }) => !before.has(path))?.path);
      grid.focusCurrent();
    },
    () => arrive(place),
  );
}

const reload = () => (journey.place ? go(journey.place) : goToConnectors());

function sortBy(sort) {
  go({ ...journey.place, sort });
  byId("sort").value = journey.place.sort;
}

/** Connectors are found as one types; files when Enter is pressed, or when the words are taken away. */
function search(isEntered) {
  const term = byId("search").value.trim();
  if (!journey.place) showConnectors();
  else if (isEntered || (!term && journey.place.term))
    go({ ...journey.place, term, pattern: patternOf(term), recursive: true });
}

/** What the tool answered to the model's own call, which had these arguments. */
function receive(result, given, canAsk) {
  const data = result.structuredContent;
  byId("app").setAttribute("aria-busy", "false");
  shown("trouble", false);
  if (result.isError) fail(textOf(result), given);
  else if (!data) drawWords(textOf(result));
  else if (data.connectors) receiveConnectors(data, given, canAsk);
  else receiveFiles(data, given, canAsk);
}

/** A page of connectors is shown at once, and the others as soon as they came. */
function receiveConnectors(data, { cursor }, canAsk) {
  journey.list = data;
  showConnectors();
  if (canAsk && (cursor || data.next_cursor)) goToConnectors();
}

/**
 * Paths alone are shown at once, and their sizes as soon as the same page came with all its columns; so are the folders
 * of a place whose subfolders the model left out.
 */
function receiveFiles(data, given, canAsk) {
  const place = placeOf(given);
  Object.assign(journey, { place, listing: listingOf(data) });
  showFiles();
  const { limit, cursor } = given;
  const lacksFolders = !place.recursive && place.pattern === EVERYTHING && !cursor && Boolean(journey.listing.rows);
  if (canAsk && (data.paths?.length || lacksFolders))
    complete({ ...place, recursive: place.recursive || lacksFolders }, { limit: limit || FIRST_PAGE, cursor });
}

/** Show more of what is shown; where that fails, what is shown stays. */
async function complete(place, options) {
  try {
    Object.assign(journey, { listing: listingOf(await ask(BROWSE, argumentsOf(place, options))), place });
    showFiles(grid.currentKey());
  } catch {
    // Nothing was asked for by the reader.
  }
}

function fail(text, given) {
  const repeat = () => (given.connector_id ? arrive(placeOf(given)) : goToConnectors());
  byId("app").setAttribute("aria-busy", "false");
  shown("blank", false);
  drawTrouble(text, () => attempt(repeat));
}

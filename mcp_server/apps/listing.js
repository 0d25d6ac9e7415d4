/* What a browse shows: its place (a connector, a prefix, a pattern), and folders and files made of its rows. */

const PAGE = 200;
const EVERYTHING = "*";

/** The place that a call of browse_connector_files asked for; models send null and "" for what they leave out, and words. */
function placeOf({ connector_id, prefix, pattern, recursive, sort }) {
  const term = pattern === EVERYTHING ? "" : pattern || "";
  const order = { recursive: String(recursive) !== "false", sort: sort || "path" };
  return { connector_id, prefix: prefix || "", pattern: term || EVERYTHING, ...order, term };
}

function argumentsOf(place, { cursor, limit = PAGE } = {}) {
  const { term, ...asked } = place;
  return { ...asked, details: true, limit, ...(cursor ? { cursor } : {}) };
}

/** The folder that a prefix is in or is: up to its last slash. */
const folderOf = (prefix) => prefix.slice(0, prefix.lastIndexOf("/") + 1);

/** A listing by name is shown as folders; what was searched for or sorted is shown as it came. */
const isFlat = (place) => place.pattern !== EVERYTHING || place.sort !== "path";

const ROW = /^(\d+) ("(?:[^"\\]|\\.)*"|[^ ]+) ([^\t]*)(?:\t(.*))?$/s;
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/;

/** The types that all files of an extension have, by extension. */
const typesOf = (told = []) => new Map(told.map((entry) => entry.match(/^([^ ]*) (.*)/s).slice(1)));

/** The extension of a path, as types are told by it. */
const extensionOf = (path) => /[^/.][^/]*?(\.[^/.]+)?\/*$/.exec(path)?.[1]?.toLowerCase() ?? "none";

/** The file of a row, which says its size, time and path, and behind a tab its type, where that is told by file. */
function rowOf(line, folder, types) {
  const [, size, time, path, content_type = types.get(extensionOf(path))] = ROW.exec(line) ?? ["", NaN, "", line];
  const last_modified = time.replace(TIME, "$1-$2-$3T$4:$5:$6Z").replace(/^"|"$/g, "");
  return { path: folder + path, size_bytes: Number(size), last_modified, content_type };
}

/** The listing of a result, or of two pages of one; all paths of a page begin with its folder. */
function listingOf(data, before) {
  const { folder = "" } = data;
  const types = typesOf(data.content_types);
  const paths = data.paths?.map((path) => ({ path: folder + path }));
  const rows = data.files?.map((line) => rowOf(line, folder, types)) ?? paths;
  return { ...before, ...data, next_cursor: data.next_cursor, rows: rows && [...(before?.rows ?? []), ...rows] };
}

/** Folders, then files. A folder's numbers are `open` when the rows that are still to come may add to it. */
function entriesOf(listing, place) {
  const depth = place.prefix.split("/").length - 1;
  const folders = new Map();
  const files = [];
  let last;
  for (const row of listing.rows) {
    const below = belowOf(row.path, depth);
    const base = row.path.slice(0, row.path.length - below.length);
    const isWhole = depth > 0 && !base;
    const name = isFlat(place) || isWhole ? "" : below.slice(0, below.indexOf("/") + 1);
    last = isCut(base + name) ? "" : name;
    if (last) addTo(folders, last, base, row, below);
    else if (below) files.push(fileOf(row, below));
  }
  if (listing.next_cursor && last) folders.get(last).open = true;
  return [...folders.values(), ...files];
}

/**
 * What of a path is below the place, which has so many slashes: what cannot be seen is written out, slashes are alike.
 * Nothing of the place's own marker; all of a path in which fewer slashes are shown.
 */
function belowOf(path, depth) {
  const parts = path.split("/");
  return parts.length > depth ? parts.slice(depth).join("/") : path;
}

/** A long path is shown without its middle; of that, no folder can be told. */
const isCut = (path) => /\(\.{3} \d+ characters left out \.{3}\)/.test(path);

/** Among what was found anywhere below, a file says in which folder it is. */
function fileOf(row, below) {
  const cut = below.lastIndexOf("/", below.length - 2) + 1;
  return { kind: kindOf(row.path, row.content_type), name: below.slice(cut), folder: below.slice(0, cut), ...row };
}

function addTo(folders, name, base, row, below) {
  const begun = { kind: "folder", name: name.slice(0, -1), path: base + name, files: 0, size_bytes: 0 };
  const folder = folders.get(name) ?? begun;
  const isMarker = below === name;
  folders.set(name, folder);
  folder.files += isMarker ? 0 : 1;
  folder.size_bytes += row.size_bytes ?? Number.NaN;
}

/** Each letter as both of its cases: globs tell them apart, people who search do not. */
const anyCase = (glob) => glob.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);

/** The glob of what was typed: itself when it is one, else all names that hold it (with a slash: all paths). */
function patternOf(term) {
  if (!term) return EVERYTHING;
  if (/[[\\]/.test(term)) return term;
  if (/[*?{]/.test(term)) return anyCase(term);
  const held = anyCase(term.replace(/[,}]/g, "\\$&"));
  if (!term.includes("/")) return `*${held}*`;
  const path = `**/*${held.replace(/^\//, "")}*`;
  return `{${path},${path}/**}`;
}

/** From the top to the prefix: the name and prefix of every folder on the way, and the unfinished rest of it. */
function stepsOf(prefix) {
  const folder = folderOf(prefix);
  const names = folder.split("/").slice(0, -1);
  const steps = names.map((name, at) => ({ name, prefix: `${names.slice(0, at + 1).join("/")}/` }));
  return prefix === folder ? steps : [...steps, { name: `${prefix.slice(folder.length)}…`, prefix }];
}

const bucketOf = (connector) => connector.bucket ?? connector.container ?? "";

/** The connectors with the words in their name, place, provider or status. */
function connectorsWith(connectors, words) {
  const wanted = words.toLowerCase().split(/\s+/);
  const said = ({ name, provider, status, ...one }) =>
    [name, provider, status, bucketOf(one), one.storage_account, one.region].join(" ").toLowerCase();
  return connectors.filter((connector) => wanted.every((word) => said(connector).includes(word)));
}

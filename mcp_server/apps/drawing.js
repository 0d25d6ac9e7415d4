/* Elements, and the rows made of them. A name is only ever a text node or the value of title: never markup. */

const SHAPES = {
  folder: "M3.5 7.5a2 2 0 0 1 2-2h3.6l2 2.5h7.4a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z",
  video: "M5.5 6h8q1.5 0 1.5 1.5v9q0 1.5-1.5 1.5h-8q-1.5 0-1.5-1.5v-9q0-1.5 1.5-1.5zm9.5 4.5 5-2.5v8l-5-2.5",
  image: "M5.5 4.5h13q1.5 0 1.5 1.5v12q0 1.5-1.5 1.5h-13q-1.5 0-1.5-1.5v-12q0-1.5 1.5-1.5z" +
    "M4.5 17 9 12l3.5 4 2.5-2.5 4.5 4.5M15 9h.01",
  audio: "M9 17.5V6l10-2v11.5m-10 2a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zm10-2a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  text: "M6 3.5h8L18.5 8v12.5H6zm8 0V8h4.5M9 12.5h6.5M9 16h6.5",
  archive: "M5 4.5h14v15H5zm7 0v2m0 2v2m-1.5 2.5h3v3h-3z",
  other: "M6 3.5h8L18.5 8v12.5H6zm8 0V8h4.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zm5-1.5L20 20",
  reload: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9m0-4.5V9H15",
  grow: "M14 4.5h5.5V10M10 19.5H4.5V14m15-9.5L14 10m-9.5 9.5L10 14",
  shrink: "M19.5 10H14V4.5M4.5 14H10v5.5M14 10l5.5-5.5M10 14l-5.5 5.5",
};

const PROVIDERS = new Map([
  ["s3", ["S3", "Amazon S3"]],
  ["gcs", ["GCS", "Google Cloud Storage"]],
  ["azure", ["Az", "Azure Blob Storage"]],
]);

const byId = (id) => document.getElementById(id);

/** An element with these attributes and children; texts become text nodes. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function icon(shape) {
  const drawn = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  drawn[0].setAttribute("viewBox", "0 0 24 24");
  drawn[0].setAttribute("aria-hidden", "true");
  drawn[1].setAttribute("d", SHAPES[shape]);
  drawn[0].append(drawn[1]);
  return drawn[0];
}

function button(label, action, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", action);
  return made;
}

/** A name in one line; when it is too long, its end stays and the middle is cut. The whole is in the title. */
function nameOf(text) {
  const whole = seen(text) || "(no name)";
  const rest = RIGHT_TO_LEFT.test(whole) || whole.length < 20 ? 0 : 10;
  const chars = [...whole];
  const parts = [make("span", { class: "head" }, chars.slice(0, chars.length - rest).join(""))];
  if (rest) parts.push(make("span", { class: "tail" }, chars.slice(-rest).join("")));
  return make("bdi", { class: "name", title: whole }, ...parts);
}

function cells(tile, name, sub, ...others) {
  const words = make("span", { class: "words" }, nameOf(name));
  if (sub) words.append(make("span", { class: "sub", title: sub }, make("bdi", {}, sub)));
  const first = make("td", { role: "gridcell" }, make("span", { class: "lead" }, tile, words));
  return [first, ...others.map((cell) => make("td", { role: "gridcell" }, cell))];
}

const tileOf = (kind) => make("span", { class: "tile", "data-kind": kind }, icon(kind));
const hidden = (text) => make("span", { class: "unseen" }, text);

/** The row of a folder or a file. */
function entryRow(entry) {
  const isFolder = entry.kind === "folder";
  const more = entry.open ? "+" : "";
  const sub = isFolder ? counted(entry.files, "file").replace(/(?= )/, more) : seen(entry.folder);
  const size = Number.isNaN(entry.size_bytes) ? "" : `${bytes(entry.size_bytes)}${more}`;
  const time = make("span", { title: moment(entry.last_modified) }, day(entry.last_modified));
  const kind = hidden(isFolder ? "Folder" : entry.kind);
  const row = make("tr", { role: "row" }, ...cells(tileOf(entry.kind), entry.name, sub, size, time));
  row.querySelector(".tile").append(kind);
  if (!isFolder) row.setAttribute("aria-expanded", "false");
  return row;
}

/** All that is known of a file, below its row. */
function detailsRow({ path, size_bytes, last_modified, content_type }) {
  const facts = {
    Path: seen(path),
    Size: Number.isFinite(size_bytes) ? counted(size_bytes, "byte") : "",
    Modified: moment(last_modified),
    Type: seen(content_type ?? ""),
  };
  const known = Object.entries(facts).filter(([, fact]) => fact);
  const list = known.flatMap(([name, fact]) => [make("dt", {}, name), make("dd", {}, make("bdi", {}, fact))]);
  const cell = make("td", { role: "gridcell", colspan: 3 }, make("dl", {}, ...list));
  return make("tr", { role: "row", class: "details" }, cell);
}

function connectorRow(connector) {
  const [short, long] = PROVIDERS.get(connector.provider) ?? ["?", seen(connector.provider)];
  const tile = make("span", { class: "tile", "data-kind": connector.provider, title: long }, short);
  const place = [bucketOf(connector), connector.region ?? connector.storage_account].filter(Boolean);
  const status = make("span", { class: "status", "data-status": connector.status }, seen(connector.status));
  const last = connector.last_tested_at;
  const tested = make("span", { title: moment(last) }, day(last) || "Not tested");
  return make("tr", { role: "row" }, ...cells(tile, connector.name, seen(place.join(" · ")), status, tested));
}

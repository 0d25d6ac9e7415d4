/* The start: the controls are wired, the host is greeted, and what it says is heard. */

const context = {};
const STYLED = /^--(color|font|border|shadow)-[a-z0-9-]+$/;
const SIDES = ["top", "right", "bottom", "left"];
let given = {};

function follow(changes) {
  Object.assign(context, changes);
  const { style } = document.documentElement;
  const { theme, styles, displayMode, containerDimensions: room = {}, safeAreaInsets: insets } = context;
  style.colorScheme = theme === "light" || theme === "dark" ? theme : "light dark";
  for (const [name, value] of Object.entries(styles?.variables ?? {}))
    if (STYLED.test(name) && typeof value === "string") style.setProperty(name, value);
  if (room.maxHeight) style.setProperty("--most", `${room.maxHeight}px`);
  document.documentElement.classList.toggle("filled", displayMode === "fullscreen" || "height" in room);
  if (insets) style.padding = SIDES.map((side) => `${Number(insets[side]) || 0}px`).join(" ");
  speakAs(context);
  drawGrow();
}

const nextMode = () => (context.displayMode === "fullscreen" ? "inline" : "fullscreen");

function drawGrow() {
  const label = nextMode() === "fullscreen" ? "Full screen" : "Leave full screen";
  byId("grow").replaceChildren(icon(nextMode() === "fullscreen" ? "grow" : "shrink"));
  byId("grow").setAttribute("aria-label", label);
  byId("grow").title = label;
  shown("grow", context.availableDisplayModes?.includes(nextMode()));
}

async function grow() {
  const { mode } = await host.request("ui/request-display-mode", { mode: nextMode() });
  follow({ displayMode: mode });
}

function sayHowTall() {
  const { height } = document.documentElement.getBoundingClientRect();
  host.notify("ui/notifications/size-changed", { width: window.innerWidth, height: Math.ceil(height) });
}

function wire() {
  grid.listen(goUp);
  byId("field").prepend(icon("search"));
  byId("reload").append(icon("reload"));
  byId("reload").addEventListener("click", reload);
  byId("grow").addEventListener("click", () => grow().catch(() => undefined));
  byId("more").addEventListener("click", goOn);
  byId("sort").addEventListener("change", ({ target }) => sortBy(target.value));
  byId("search").addEventListener("input", () => search(false));
  byId("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") search(true);
    else if (event.key === "ArrowDown") grid.focusCurrent();
    else return;
    event.preventDefault();
  });
}

async function start() {
  const { hostCapabilities = {}, hostContext = {} } = await host.request("ui/initialize", {
    protocolVersion: "2026-01-26",
    appInfo: { name: "videovector-connectors", title: "VideoVector connectors", version: "1" },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  });
  follow(hostContext);
  host.on("ui/notifications/tool-input", (input) => (given = input.arguments ?? {}));
  host.on("ui/notifications/tool-result", (result) => receive(result, given, Boolean(hostCapabilities.serverTools)));
  host.on("ui/notifications/tool-cancelled", () => fail("The call was cancelled.", given));
  host.on("ui/notifications/host-context-changed", follow);
  host.notify("ui/notifications/initialized");
  new ResizeObserver(sayHowTall).observe(document.documentElement);
}

wire();
start();

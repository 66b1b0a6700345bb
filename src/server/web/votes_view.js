// The table that the votes make.
import { get } from "./api.js";
import { find, make, replace } from "./dom.js";
import { say } from "./phrases.js";

function interval(model, low, high) {
  const place = (rating) => `${(100 * (rating - low)) / Math.max(high - low, 1)}%`;
  const bar = make("span", { class: "interval", role: "img",
    "aria-label": `${Math.round(model.low)}–${Math.round(model.high)}` }, make("i"), make("b"));
  bar.firstChild.style.setProperty("left", place(model.low));
  bar.firstChild.style.setProperty("right", `calc(100% - ${place(model.high)})`);
  bar.lastChild.style.setProperty("left", place(model.rating));
  return bar;
}

function table(told) {
  const low = Math.min(...told.models.map((model) => model.low));
  const high = Math.max(...told.models.map((model) => model.high));
  const head = ["model", "rating", "interval", "n_votes", "wins", "ties", "losses"];
  return make("div", { class: "wide-table", tabindex: 0 }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((key) => make("th", { scope: "col" }, say(key))))),
    make("tbody", {}, ...told.models.map((model) => make("tr", {},
      make("th", { scope: "row" }, model.model),
      make("td", {}, String(Math.round(model.rating))),
      make("td", {}, `${Math.round(model.low)}–${Math.round(model.high)} `, interval(model, low, high)),
      ...[model.votes, model.wins, model.ties, model.losses].map((n) => make("td", {}, String(n))))))));
}

export async function show_votes() {
  const dialog = find("votes");
  const close = make("button", { type: "button", class: "icon", "aria-label": say("close"),
    onclick: () => dialog.close() }, "✕");
  const frame = (title, ...rest) =>
    replace(dialog, make("div", { class: "row" }, make("h2", {}, title), close), ...rest);
  try {
    const told = await get("/heng/votes/table");
    frame(say("table_title", told.votes), told.votes ? table(told) : make("p", {}, say("table_empty")),
      make("p", { class: "note" }, say("table_note")));
  } catch (error) {
    frame(say("table"), make("p", { class: "error", role: "alert" }, error.message));
  }
  if (!dialog.open) dialog.showModal();
}

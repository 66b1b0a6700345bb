// What can be asked: the server's models and its providers, and which of them are chosen.
import { get } from "./api.js";
import { find, make, replace } from "./dom.js";
import { read, write } from "./kept.js";
import { say } from "./phrases.js";

export const MOST_COLUMNS = 4;

export const server = { models: [], default: "", votes: false, version: "" };

// Columns of the page: names of models; one is a plain conversation.
export const choice = { models: [], blind: read("blind", true) };
let on_change = () => {};

export const model_named = (name) => server.models.find((model) => model.name === name);
export const is_side_by_side = () => choice.models.length > 1;
export const is_blind = () => is_side_by_side() && server.votes && choice.blind;

export async function load_models() {
  Object.assign(server, await get("/heng/models"));
  const known = read("models", []).filter((name) => model_named(name));
  choice.models = known.length ? known.slice(0, MOST_COLUMNS) : [server.default];
}

export function when_models_change(callback) {
  on_change = callback;
}

export function choose(models) {
  choice.models = models.filter((name) => model_named(name));
  if (!choice.models.length) choice.models = [server.default];
  write("models", choice.models);
  show_choice();
  on_change();
}

const unused = () => server.models.filter((model) => !choice.models.includes(model.name));

export function toggle_side_by_side() {
  if (is_side_by_side()) return choose(choice.models.slice(0, 1));
  const more = unused();
  if (!more.length) return false;
  choose([choice.models[0], more[0].name]);
  return true;
}

function options(kind, label, chosen) {
  const of_kind = server.models.filter((model) => model.kind === kind);
  if (!of_kind.length) return null;
  return make("optgroup", { label }, ...of_kind.map((model) => {
    const taken = model.name !== chosen && choice.models.includes(model.name);
    const note = model.kind === "remote" ? " · " + say("remote_at", model.host)
      : model.loaded ? "" : " · " + say("not_loaded");
    return make("option", { value: model.name, selected: model.name === chosen, disabled: taken },
      model.name + note);
  }));
}

function selector(name, place) {
  const select = make("select", {
    "aria-label": is_side_by_side() ? say("column", place + 1) : say("model"),
    onchange: () => choose(choice.models.with(place, select.value)),
  }, options("local", say("local"), name), options("remote", say("remote_at", "…"), name));
  if (choice.models.length <= 2) return select;
  const remove = make("button", {
    type: "button", class: "icon", "aria-label": say("remove_model", name),
    onclick: () => choose(choice.models.toSpliced(place, 1)),
  }, "✕");
  return make("span", { class: "pair" }, select, remove);
}

function blind_switch() {
  const box = make("input", { type: "checkbox", checked: choice.blind, onchange: () => {
    choice.blind = box.checked;
    write("blind", box.checked);
    on_change();
  } });
  return make("label", { class: "blind", title: say("blind_note") }, box, say("blind"));
}

export function show_choice() {
  const many = is_side_by_side();
  const add = many && choice.models.length < MOST_COLUMNS && unused().length
    ? make("button", { type: "button", class: "icon", "aria-label": say("add_model"), title: say("add_model"),
      onclick: () => choose([...choice.models, unused()[0].name]) }, "+") : null;
  replace(find("chosen"), ...choice.models.map(selector), add,
    many && server.votes ? blind_switch() : null);
  find("side-by-side").setAttribute("aria-pressed", String(many));
}

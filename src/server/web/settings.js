// The side sheet: system prompt, every setting of generation, language, theme, key.
import { find, make, replace } from "./dom.js";
import { read, read_key, write, write_key } from "./kept.js";
import { choice, model_named, server } from "./models.js";
import { language, say, set_language } from "./phrases.js";

// field of the request -> bounds as the server has them, and the value where nobody sets one.
const NUMBERS = [
  { key: "temperature", low: 0, high: 100, step: 0.05, own: "temperature" },
  { key: "top_p", low: 0, high: 1, step: 0.05, own: "top_p" },
  { key: "top_k", low: 0, high: 1000000, step: 1, own: "top_k", local: true },
  { key: "repetition_penalty", low: 0.01, high: 100, step: 0.05, own: "repetition_penalty", local: true },
  { key: "presence_penalty", low: -2, high: 2, step: 0.1, otherwise: 0 },
  { key: "frequency_penalty", low: -2, high: 2, step: 0.1, otherwise: 0 },
  { key: "max_tokens", low: 1, high: 1 << 30, step: 1 },
  { key: "min_tokens", low: 0, high: 1 << 30, step: 1, otherwise: 0, local: true },
  { key: "seed", low: 0, high: Number.MAX_SAFE_INTEGER, step: 1 },
  { key: "speculate", low: 0, high: 16, step: 1, otherwise: 0, local: true },
];
const THEMES = ["system", "light", "dark"];

let values = read("settings", {});
let callbacks = { language: () => {}, key: () => {} };

// What a request takes along: set values alone.
export function generation() {
  const { system, stop, ...rest } = values;
  const stops = (stop ?? "").split("\n").filter((text) => text);
  return stops.length ? { ...rest, stop: stops } : rest;
}
export const system_prompt = () => values.system ?? "";

function set(key, value) {
  if (value === "" || value === undefined) delete values[key];
  else values[key] = value;
  write("settings", values);
}

export function apply_theme() {
  const theme = read("theme", "system");
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function row(id, label, note, control) {
  control.id = "set-" + id;
  control.setAttribute("aria-describedby", "note-" + id);
  return make("div", { class: "setting" }, make("label", { for: control.id }, label), control,
    make("p", { id: "note-" + id }, note));
}

// undefined: not known, or another one each time.
function default_of(field) {
  const value = model_named(choice.models[0])?.settings?.[field.own] ?? field.otherwise;
  return value === undefined ? undefined : String(Math.round(value * 1000) / 1000);
}

function number(field) {
  const input = make("input", { type: "number", min: field.low, max: field.high, step: field.step,
    placeholder: default_of(field) ?? "–", value: values[field.key], inputmode: "decimal", onchange: () => {
      const value = input.valueAsNumber;
      if (Number.isNaN(value)) return set(field.key, "");
      const bounded = Math.min(Math.max(value, field.low), field.high);
      input.value = field.step === 1 ? Math.round(bounded) : bounded;
      set(field.key, input.valueAsNumber);
    } });
  const has_default = ["max_tokens", "seed"].includes(field.key) ? "" : " " + say("default_is", default_of(field) ?? say("model_default"));
  const where = field.local ? ` (${say("local_only")})` : "";
  return row(field.key, field.key, say(field.key) + has_default + where, input);
}

function area(key, label, note) {
  const input = make("textarea", { rows: key === "system" ? 4 : 2,
    onchange: () => set(key, input.value) });
  input.value = values[key] ?? "";
  return row(key, label, note, input);
}

function select(id, label, note, pairs, chosen, on_choice) {
  const input = make("select", { onchange: () => on_choice(input.value) },
    ...pairs.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
  return row(id, label, note, input);
}

function think() {
  const chosen = values.enable_thinking === undefined ? "" : String(values.enable_thinking);
  return select("think", "enable_thinking", `${say("think")} (${say("local_only")})`,
    [["", say("model_default")], ["true", say("on")], ["false", say("off")]], chosen,
    (value) => set("enable_thinking", value === "" ? "" : value === "true"));
}

function key_field() {
  const input = make("input", { type: "password", autocomplete: "off", spellcheck: "false",
    onchange: () => { write_key(input.value.trim()); callbacks.key(); } });
  input.value = read_key();
  return row("key", say("api_key"), say("api_key_note"), input);
}

export function show_settings() {
  const themes = THEMES.map((theme) => [theme, say("theme_" + theme)]);
  replace(find("settings"),
    make("div", { class: "row" }, make("h2", {}, say("settings")),
      make("button", { type: "button", class: "icon", "aria-label": say("close"), onclick: close_settings }, "✕")),
    server.asks_key ? key_field() : null,
    area("system", say("system_prompt"), say("system_note")),
    make("h3", {}, say("generation")),
    ...NUMBERS.map(number), area("stop", "stop", say("stop_texts")), think(),
    make("button", { type: "button", onclick: () => {
      values = values.system ? { system: values.system } : {};
      write("settings", values);
      show_settings();
    } }, say("reset")),
    make("h3", {}, say("page")),
    select("language", say("language"), "", [["en", "English"], ["zh", "中文"]], language(), (value) => {
      set_language(value);
      callbacks.language();
    }),
    select("theme", say("theme"), "", themes, read("theme", "system"), (value) => {
      write("theme", value);
      apply_theme();
    }),
    make("p", { class: "foot" }, `heng ${server.version} · `,
      make("a", { href: "/page/licences.txt", target: "_blank", rel: "noopener" }, say("licences"))));
}

export function open_settings(focus = "h2") {
  show_settings();
  find("settings").hidden = false;
  find("open-settings").setAttribute("aria-expanded", "true");
  (find("settings").querySelector(focus === "h2" ? "button" : focus) ?? find("settings")).focus();
}

export function close_settings() {
  if (find("settings").hidden) return false;
  document.activeElement?.blur?.();  // what was typed counts
  find("settings").hidden = true;
  find("open-settings").setAttribute("aria-expanded", "false");
  find("open-settings").focus();
  return true;
}

export function when_settings_change(handlers) {
  callbacks = handlers;
}

// The page of heng serve: puts its parts together.
import * as talk from "./conversation.js";
import * as conversation_view from "./conversation_view.js";
import { find } from "./dom.js";
import * as history from "./history_view.js";
import { is_side_by_side, load_models, server, show_choice, toggle_side_by_side, when_models_change }
  from "./models.js";
import { say, translate } from "./phrases.js";
import * as settings from "./settings.js";
import { show_votes } from "./votes_view.js";

const MOST_BOX = 0.4;  // of the window's height, for the question

function fail(text) {
  find("error").textContent = text;
  find("error").hidden = !text;
}

function needs_key() {
  server.asks_key = true;
  settings.open_settings("#set-key");
}

function grow() {
  const box = find("question");
  box.style.height = "auto";
  box.style.height = Math.min(box.scrollHeight, window.innerHeight * MOST_BOX) + "px";
}

function ask() {
  const question = find("question").value;
  if (!question.trim() || talk.is_running()) return;
  find("question").value = "";
  grow();
  fail("");
  talk.ask(question);
}

function show_history(is_open) {
  document.body.classList.toggle("history", is_open);
  find("open-history").setAttribute("aria-expanded", String(is_open));
  if (is_open) find("search").focus();
}

function begin_new() {
  talk.open(talk.fresh());
  history.draw();
  show_history(false);
  find("question").focus();
}

function side_by_side() {
  fail("");
  if (toggle_side_by_side() === false) return fail(say("one_model"));
  if (is_side_by_side() && !server.votes) fail(say("votes_off"));
}

function draw_all() {
  translate();
  show_choice();
  history.draw();
  conversation_view.draw();
  if (!find("settings").hidden) settings.show_settings();
}

async function connect() {
  try {
    await load_models();
    fail("");
    draw_all();
  } catch (error) {
    fail(error.message);
    if (error.status === 401) needs_key();
  }
}

const is_typing = (target) => target.closest?.("input, textarea, select");

function on_key(event) {
  if (event.isComposing) return;
  if (event.key === "Escape") {
    if (talk.stop()) event.preventDefault();
    else if (settings.close_settings()) event.preventDefault();
    else show_history(false);
  } else if (event.key === "/" && !is_typing(event.target) && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    find("question").focus();
  } else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    history.move(event.key === "ArrowDown" ? 1 : -1);
  }
}

function set_up() {
  settings.apply_theme();
  translate();
  talk.set_view({ draw: conversation_view.draw, draw_reply: conversation_view.draw_reply,
    state: conversation_view.state, kept: history.load, fail, needs_key });
  conversation_view.watch_scrolling();
  history.set_up(() => show_history(false));
  when_models_change(() => { conversation_view.draw(); settings.show_settings(); });
  settings.when_settings_change({ language: draw_all, key: connect });
  find("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  find("question").addEventListener("input", grow);
  find("question").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask();
  });
  const clicks = { new: begin_new, stop: talk.stop, "export-all": history.export_all, "open-table": show_votes,
    "side-by-side": side_by_side, "close-history": () => show_history(false),
    "open-history": () => show_history(!document.body.classList.contains("history")),
    "open-settings": () => settings.close_settings() || settings.open_settings() };
  for (const [id, action] of Object.entries(clicks)) find(id).addEventListener("click", action);
  document.addEventListener("keydown", on_key);
  find("question").value = new URLSearchParams(location.search).get("q") ?? "";  // it is for people to send
  grow();
}

set_up();
await Promise.all([connect(), history.load()]);
if (history.newest()) talk.open(history.newest());
else conversation_view.draw();
history.draw();
find("question").focus();

// Draws the conversation: questions, a reply a column, the vote under a blind round.
import { find, make, replace } from "./dom.js";
import * as talk from "./conversation.js";
import { choice, model_named } from "./models.js";
import { say } from "./phrases.js";
import { ReplyView } from "./reply_view.js";

const views = new Map();  // turn -> [ReplyView]
const LETTERS = "ABCD";
let at_end = true;

function label_of(turn, place) {
  const letter = LETTERS[place];
  const columns = turn.names?.length ?? talk.current.models.length;
  if (!turn.names) return columns > 1 ? say("column", letter) : "";
  const mark = turn.vote === String(place + 1) ? " ✓" : "";
  return (turn.vote ? `${say("column", letter)} · ` : "") + turn.names[place] + mark;
}

function question_view(turn) {
  const text = make("div", { class: "said" }, turn.question);
  const edit = make("button", { type: "button", class: "edit", onclick: () => edit_view(turn, element) },
    say("edit"));
  const element = make("article", { class: "question", "aria-label": say("you") }, text,
    make("div", { class: "actions" }, edit));
  return element;
}

function edit_view(turn, element) {
  const area = make("textarea", { rows: Math.min(turn.question.split("\n").length + 1, 12),
    "aria-label": say("edit") });
  area.value = turn.question;
  const close = () => element.replaceWith(question_view(turn));
  const ask = () => area.value.trim() && talk.edit(turn, area.value);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); close(); }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); ask(); }
  });
  replace(element, area, make("div", { class: "row" },
    make("button", { type: "button", class: "primary", onclick: ask }, say("save_ask")),
    make("button", { type: "button", onclick: close }, say("cancel"))));
  area.focus();
}

function turn_view(turn) {
  const n = turn.names?.length ?? talk.current.models.length;
  const is_last = turn === talk.current.turns.at(-1);
  const columns = [];
  for (let place = 0; place < n; ++place) {
    const view = new ReplyView(label_of(turn, place),
      { regenerate: is_last ? () => talk.regenerate(turn, place) : null });
    view.on_draw = follow;
    if (turn.replies[place]) view.show(turn.replies[place], false, talk.is_hidden(turn));
    columns.push(view);
  }
  views.set(turn, columns);
  return [question_view(turn),
    make("div", { class: `columns n${n}` }, ...columns.map((view) => view.element))];
}

function welcome() {
  const model = model_named(choice.models[0]);
  const others = choice.models.map(model_named).filter((m) => m?.kind === "remote").map((m) => m.host);
  return make("div", { class: "welcome" },
    make("p", { class: "mark", "aria-hidden": "true" }, "衡"),
    make("h1", {}, choice.models.length > 1 ? say("side_by_side") : say("welcome", model?.name ?? "")),
    make("p", {}, say("welcome_note")),
    others.length ? make("p", {}, say("welcome_remote", [...new Set(others)].join(", "))) : null);
}

// The page follows the reply while its end is in sight.
function follow() {
  const area = find("conversation");
  if (at_end) area.scrollTop = area.scrollHeight;
}

export function watch_scrolling() {
  const area = find("conversation");
  area.addEventListener("scroll", () => {
    at_end = area.scrollHeight - area.scrollTop - area.clientHeight < 60;
  });
}

export function draw() {
  views.clear();
  const turns = talk.current.turns;
  replace(find("conversation"), ...(turns.length ? turns.flatMap(turn_view) : [welcome()]));
  find("conversation").classList.toggle("wide", turns.some((turn) => (turn.names ?? talk.current.models).length > 1));
  at_end = true;
  follow();
  state();
}

export function draw_reply(turn, place, is_running) {
  views.get(turn)?.[place]?.show(turn.replies[place], is_running, talk.is_hidden(turn));
  if (!is_running) state();
}

function draw_meter() {
  const last = talk.current.turns.at(-1);
  const used = last?.names?.length === 1 ? last.replies[0]?.usage?.total_tokens : undefined;
  const context = used && model_named(last.names[0])?.context;
  const meter = find("meter");
  meter.hidden = !context;
  if (!context) return;
  const share = Math.min(used / context, 1);
  meter.firstElementChild.style.setProperty("--share", share);
  meter.classList.toggle("full", share > 0.9);
  meter.lastElementChild.textContent = `${used.toLocaleString("en")}/${context.toLocaleString("en")}`;
  meter.title = say("context_use", used.toLocaleString("en"), context.toLocaleString("en"));
}

function draw_vote() {
  const bar = find("vote");
  bar.hidden = !talk.can_vote();
  if (bar.hidden) return replace(bar);
  const button = (chosen, text) => make("button", { type: "button", "data-choice": chosen,
    onclick: () => talk.vote(chosen) }, text);
  replace(bar, make("span", {}, say("which_better")),
    ...talk.current.models.map((_, i) => button(String(i + 1), LETTERS[i])),
    button("tie", say("tie")), button("bad", say("all_bad")), button("skip", say("skip_vote")));
}

// Buttons and figures that go with what is under way.
export function state() {
  const running = talk.is_running();
  find("send").hidden = running;
  find("stop").hidden = !running;
  draw_meter();
  draw_vote();
}

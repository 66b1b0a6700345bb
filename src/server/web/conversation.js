// The conversation on the page: its turns, the replies under way, the blind round that is open. What is
// kept of it is plain data:
//   {id, title, changed, models, turns: [{question, fresh, names?, replies: [reply]}], round?}
// with one reply a column; `fresh` turns begin anew for the models, `names` says who replied.
import { ApiError, chat, post } from "./api.js";
import { announce } from "./dom.js";
import { forget, keep } from "./kept.js";
import { choice, is_blind } from "./models.js";
import { say } from "./phrases.js";
import { generation, system_prompt } from "./settings.js";

export let current = fresh();
const running = new Set();  // AbortControllers
let view = null;            // {draw, draw_reply, fail, kept}

export function set_view(v) {
  view = v;
}

export function fresh() {
  return { id: crypto.randomUUID?.() ?? String(Math.random()).slice(2), title: "", changed: 0, turns: [],
    models: [...choice.models] };
}

export const is_running = () => running.size > 0;

export function open(conversation) {
  stop();
  current = conversation;
  view.draw();
}

export function stop() {
  for (const controller of running) controller.abort();
  return running.size > 0;
}

export async function save() {
  current.changed = Date.now();
  try {
    await keep(current);
  } catch {
    view.fail(say("not_kept"));
  }
  view.kept();
}

export async function remove(id) {
  if (id === current.id) open(fresh());
  await forget(id).catch(() => {});
  view.kept();
}

// What column `place` has been told up to the question of `turn`.
function messages(turn, place) {
  const system = system_prompt() ? [{ role: "system", content: system_prompt() }] : [];
  const at = current.turns.indexOf(turn);
  let from = at;
  while (from > 0 && !current.turns[from].fresh) --from;
  const before = current.turns.slice(from, at).flatMap((earlier) => {
    const reply = earlier.replies[place];
    return reply?.text ? [{ role: "user", content: earlier.question },
      { role: "assistant", content: reply.text }] : [];
  });
  return [...system, ...before, { role: "user", content: turn.question }];
}

const empty_reply = () => ({ text: "", thought: "", reason: "", usage: null, first: null, seconds: 0 });

// Whom column `place` of `turn` asks: a column of an open round keeps its secret.
const asked = (turn, place) =>
  turn.names?.[place] ?? current.round?.columns[place] ?? current.models[place];

export const is_hidden = (turn) => !turn.names && Boolean(current.round);

async function run_column(turn, place) {
  const conversation = current;
  const controller = new AbortController();
  running.add(controller);
  const reply = turn.replies[place] = empty_reply();
  view.draw_reply(turn, place, true);
  try {
    const request = { model: asked(turn, place), messages: messages(turn, place), ...generation() };
    Object.assign(reply, await chat(request, (text, thought) => {
      reply.text += text;
      reply.thought += thought;
      if (conversation === current) view.draw_reply(turn, place, true);
    }, controller.signal));
  } catch (error) {
    reply.reason = "error";
    reply.error = error.message;
    if (error instanceof ApiError && error.status === 401) view.needs_key();
  }
  running.delete(controller);
  if (conversation === current) view.draw_reply(turn, place, false);
}

async function run_turn(turn, places) {
  const conversation = current;
  const columns = places.map((place) => run_column(turn, place));
  view.state();
  await Promise.all(columns);
  if (conversation === current) {
    announce(say("done"));
    view.state();
    await save();
  } else {
    await keep(conversation).catch(() => {});
  }
}

const all_places = () => current.models.map((_, place) => place);

// The models may have been changed since the last question. A round lasts until the vote.
async function settle_models() {
  const wanted = choice.models;
  if (current.round) return false;
  const same = current.models.length === wanted.length;
  const is_new_round = is_blind();
  current.models = [...wanted];
  if (is_new_round) current.round = await post("/heng/rounds", { models: wanted });
  return !same || is_new_round;
}

export async function ask(question) {
  if (is_running()) return;
  let is_fresh;
  try {
    is_fresh = await settle_models();
  } catch (error) {
    view.fail(error.message);
    if (error.status === 401) view.needs_key();
    return;
  }
  if (!current.title) current.title = question.trim().slice(0, 80);
  const turn = { question, fresh: is_fresh || !current.turns.length, replies: [] };
  if (!current.round) turn.names = [...current.models];
  current.turns.push(turn);
  view.draw();
  await run_turn(turn, all_places());
}

// Asks another question in place of that of `turn`; what came after it is gone.
export async function edit(turn, question) {
  stop();
  const at = current.turns.indexOf(turn);
  current.turns.length = at + 1;
  const again = { ...turn, question, replies: [] };
  if (again.names) {
    delete current.round;  // which was of later turns
    current.models = [...again.names];
  }
  current.turns[at] = again;
  if (at === 0) current.title = question.trim().slice(0, 80);
  view.draw();
  await run_turn(again, again.names ? again.names.map((_, i) => i) : all_places());
}

export async function regenerate(turn, place) {
  if (is_running()) return;
  // In a plain conversation by the model that is chosen now.
  if (turn.names?.length === 1 && choice.models.length === 1) turn.names = [...choice.models];
  view.draw();
  await run_turn(turn, [place]);
}

// Blind rounds ------------------------------------------------------------------------------------

export const can_vote = () => Boolean(current.round) && !is_running() && current.turns.length > 0 &&
  current.turns.at(-1).replies.length === current.models.length;

// `chosen`: "1" to "4", "tie", "bad" or "skip".
export async function vote(chosen) {
  try {
    const told = await post("/heng/votes", { round: current.round.round, choice: chosen });
    for (const turn of current.turns) {
      if (!turn.names) Object.assign(turn, { names: told.models, vote: chosen });
    }
    current.models = told.models;
    if (told.stored) announce(say("voted"));
  } catch (error) {
    view.fail(error.message);
    if (error.code !== "round_not_found") return;  // an old one cannot be voted on any more
    for (const turn of current.turns) turn.names ??= current.models.map(() => "?");
  }
  delete current.round;
  view.draw();
  await save();
}

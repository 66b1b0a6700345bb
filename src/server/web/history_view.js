// The list of conversations: search, rename, delete, export.
import { download, find, make, replace } from "./dom.js";
import * as talk from "./conversation.js";
import { all_conversations, keep } from "./kept.js";
import { say } from "./phrases.js";

let all = [];
let on_open = () => {};

const fits = (conversation, wanted) =>
  [conversation.title, ...conversation.turns.flatMap((turn) =>
    [turn.question, ...turn.replies.map((reply) => reply.text)])]
    .some((text) => text.toLowerCase().includes(wanted));

function rename(conversation, element) {
  const input = make("input", { "aria-label": say("rename") });
  input.value = conversation.title;
  let is_done = false;
  const done = async (is_kept) => {
    if (is_done) return;
    is_done = true;
    if (is_kept && input.value.trim()) {
      conversation.title = input.value.trim();
      if (conversation.id === talk.current.id) talk.current.title = conversation.title;
      await keep(conversation).catch(() => {});
    }
    draw();
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") done(true);
    if (event.key === "Escape") done(false);
  });
  input.addEventListener("blur", () => done(true));
  replace(element, input);
  input.select();
}

const file_name = (title) => (title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "conversation") + ".md";

// As Markdown that people read.
function export_one(conversation) {
  const parts = [`# ${conversation.title}`];
  for (const turn of conversation.turns) {
    parts.push(`## ${turn.question}`);
    turn.replies.forEach((reply, i) => {
      parts.push(`**${turn.names?.[i] ?? say("column", "ABCD"[i])}**`, reply.text);
    });
  }
  download(file_name(conversation.title), parts.join("\n\n") + "\n", "text/markdown");
}

export function export_all() {
  download("heng-conversations.json", JSON.stringify(all, null, 1), "application/json");
}

function item(conversation) {
  const is_current = conversation.id === talk.current.id;
  const element = make("li", {});
  const button = (text, label, onclick) => make("button", { type: "button", class: "icon", title: label,
    "aria-label": `${label}: ${conversation.title}`, onclick }, text);
  element.append(
    make("button", { type: "button", class: "open", "aria-current": is_current ? "true" : null,
      title: conversation.title, onclick: () => show(conversation) }, conversation.title),
    make("span", { class: "tools" },
      button("✎", say("rename"), () => rename(conversation, element)),
      button("⇩", say("export"), () => export_one(conversation)),
      button("✕", say("delete"), () => {
        if (confirm(say("delete_sure", conversation.title))) talk.remove(conversation.id);
      })));
  return element;
}

function show(conversation) {
  talk.open(conversation);
  draw();
  on_open();
}

export function draw() {
  const wanted = find("search").value.trim().toLowerCase();
  const found = wanted ? all.filter((conversation) => fits(conversation, wanted)) : all;
  const note = found.length ? null
    : make("li", { class: "note" }, say(wanted ? "nothing_found" : "no_conversations"));
  replace(find("conversations"), ...found.map(item), note);
}

// Reads what is kept, and draws it.
export async function load() {
  try {
    all = await all_conversations();
  } catch {
    all = [];
  }
  draw();
}

export const newest = () => all[0];

// The conversation `step` further down the list.
export function move(step) {
  const at = all.findIndex((conversation) => conversation.id === talk.current.id);
  const next = all[at < 0 ? 0 : at + step];
  if (next) show(next);
}

export function set_up(when_opened) {
  on_open = when_opened;
  find("search").addEventListener("input", draw);
  find("conversations").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const buttons = [...find("conversations").querySelectorAll(".open")];
    const at = buttons.indexOf(document.activeElement.closest("li")?.querySelector(".open"));
    const next = buttons[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) { event.preventDefault(); next.focus(); }
  });
}

// One reply on the page: thought, Markdown, figures, buttons. While it streams it is drawn again as often
// as drawing allows, not at every token.
import { copy, make, replace } from "./dom.js";
import { markdown } from "./markdown.js";
import { say } from "./phrases.js";

const DRAW_SHARE = 4;  // a drawing that takes 10 ms comes every 40 ms at most

function figures(reply) {
  const parts = [];
  const n = reply.usage?.completion_tokens;
  if (n && reply.first !== null) {
    const first = reply.first.toFixed(2);
    const seconds = Math.max(reply.seconds - reply.first, 1e-3);
    parts.push(n === 1 ? say("figures_one", n, first)
      : say("figures", n, ((n - 1) / seconds).toFixed(1), first));
  }
  if (reply.reason === "stopped") parts.push(say("stopped"));
  if (reply.reason === "length") parts.push(say("cut_by_length"));
  return parts.join(" · ");
}

export class ReplyView {
  // `actions`: {regenerate?}; `label`: whose reply it is, or empty.
  constructor(label, actions) {
    this.label = make("div", { class: "who" }, label);
    this.thought = make("details", { class: "thought", hidden: true }, make("summary"), make("div"));
    this.body = make("div", { class: "text" });
    this.error = make("div", { class: "error", role: "alert", hidden: true });
    this.foot = make("div", { class: "actions" });
    this.element = make("article", { class: "reply" }, this.label, this.thought, this.body, this.error,
      this.foot);
    this.actions = actions;
    this.pending = 0;
    this.cost = 0;
  }

  // `is_plain`: without figures, which tell models apart.
  show(reply, is_running, is_plain) {
    this.element.classList.toggle("running", is_running);
    if (is_running && this.pending) {
      this.latest = reply;
      return;
    }
    this.latest = reply;
    if (!is_running) {
      clearTimeout(this.pending);
      this.pending = 0;
      return this.draw(true, is_plain);
    }
    this.pending = setTimeout(() => {
      this.pending = 0;
      this.draw(false, is_plain);
    }, Math.min(Math.max(this.cost * DRAW_SHARE, 30), 1500));
  }

  draw(is_complete, is_plain) {
    const reply = this.latest;
    const began = performance.now();
    this.element.setAttribute("aria-busy", String(!is_complete));
    this.thought.hidden = !reply.thought;
    if (reply.thought) {
      const [summary, text] = this.thought.children;
      summary.textContent = say(is_complete || reply.text ? "thought" : "thinking");
      text.textContent = reply.thought;
    }
    if (!reply.text && !reply.thought && !is_complete) {
      replace(this.body, make("p", { class: "waiting" }, say("waiting")));
    } else {
      replace(this.body, markdown(reply.text, is_complete));
    }
    this.error.hidden = !reply.error;
    this.error.textContent = reply.error ?? "";
    if (is_complete) this.draw_foot(reply, is_plain);
    else replace(this.foot);
    this.cost = performance.now() - began;
    this.on_draw?.();
  }

  draw_foot(reply, is_plain) {
    const copy_button = make("button", { type: "button", onclick: async () => {
      await copy(reply.text);
      copy_button.textContent = say("copied");
      setTimeout(() => { copy_button.textContent = say("copy"); }, 1500);
    } }, say("copy"));
    const again = this.actions.regenerate && make("button", { type: "button", class: "regenerate",
      onclick: this.actions.regenerate }, say("regenerate"));
    const told = is_plain ? (reply.reason === "stopped" ? say("stopped") : "") : figures(reply);
    replace(this.foot, reply.text ? copy_button : null, again, make("span", { class: "figures" }, told));
  }
}

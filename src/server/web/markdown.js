// Markdown of a reply -> nodes. A reply is the text of a stranger: HTML in it is shown as text, links
// name http, https or mailto, pictures are not fetched, and what marked makes passes DOMPurify on its
// way to the page. Formulas and code are put in afterwards, built as nodes.
import { copy, make } from "./dom.js";
import { say } from "./phrases.js";

const TAGS = ["p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li",
  "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "a", "span", "div",
  "input"];
const ATTRIBUTES = ["href", "class", "align", "start", "type", "checked", "disabled"];
const LONGEST_MARKED_UP = 200000;  // characters; what is longer is shown as it is

// Debian 12's DOMPurify (2.4.1+dfsg deb12u1) asks a variable that it declares elsewhere for its depth, and
// throws where there is none. With one that is not deep it goes on to the checks of each node.
globalThis.shadowNode ??= { __depth: 0 };

const escaped = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// $..$ has no space inside its ends and no digit behind it: "from $5 to $10" is no formula.
const FORMULAS = [
  { name: "block_formula", level: "block", class: "formula block",
    find: /^(?: {0,3})(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])(?=\s*(?:\n|$))/, start: /\$\$|\\\[/ },
  { name: "inline_block_formula", level: "inline", class: "formula block",
    find: /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])/, start: /\$\$|\\\[/ },
  { name: "inline_formula", level: "inline", class: "formula",
    find: /^(?:\$((?:\\.|[^\s$\\])(?:(?:\\.|[^$\\\n])*(?:\\.|[^\s$\\]))?)\$(?!\d)|\\\(([\s\S]+?)\\\))/,
    start: /\$|\\\(/ },
];

function safe_address(href) {
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const renderer = {
  html: (html) => escaped(html),
  link(href, title, text) {
    const address = safe_address(href);
    return address ? `<a href="${escaped(address)}">${text}</a>` : text;
  },
  image(href, title, text) {
    const address = safe_address(href);
    const shown = escaped(say("image_of", text || href));
    return address ? `<a href="${escaped(address)}">${shown}</a>` : shown;
  },
  code: (code, info) =>
    `<pre><code class="language-${escaped((info ?? "").split(/\s/)[0])}">${escaped(code)}\n</code></pre>`,
};

let is_set_up = false;
function set_up() {
  if (is_set_up) return;
  is_set_up = true;
  marked.use({
    gfm: true, breaks: true, mangle: false, headerIds: false, renderer,
    extensions: FORMULAS.map((formula) => ({
      name: formula.name,
      level: formula.level,
      start: (text) => { const at = text.search(formula.start); return at < 0 ? undefined : at; },
      tokenizer(text) {
        const found = formula.find.exec(text);
        return found ? { type: formula.name, raw: found[0], tex: found[1] ?? found[2] } : undefined;
      },
      renderer: (token) => {
        const tag = formula.level === "block" ? "div" : "span";
        return `<${tag} class="${formula.class}">${escaped(token.tex)}</${tag}>`;
      },
    })),
  });
}

const purified = (html, tags, attributes) => DOMPurify.sanitize(html, {
  ALLOWED_TAGS: tags, ALLOWED_ATTR: attributes, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i, RETURN_DOM_FRAGMENT: true,
});

function show_formula(element) {
  const tex = element.textContent;
  try {
    katex.render(tex, element, {
      displayMode: element.classList.contains("block"), throwOnError: true, trust: false,
      strict: "ignore", maxSize: 50, maxExpand: 300, output: "htmlAndMathml",
    });
  } catch {
    element.textContent = tex;
  }
}

function show_code(code) {
  const text = code.textContent.replace(/\n$/, "");
  const name = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  if (name && hljs.getLanguage(name) && text.length < 50000) {
    code.replaceChildren(purified(hljs.highlight(name, text, true).value, ["span"], ["class"]));
  } else {
    code.textContent = text;
  }
  const button = make("button", { type: "button", class: "copy-code", onclick: async () => {
    await copy(text);
    button.textContent = say("copied");
    setTimeout(() => { button.textContent = say("copy"); }, 1500);
  } }, say("copy"));
  const block = make("div", { class: "code" },
    make("div", { class: "code-head" }, make("span", {}, name), button));
  code.parentElement.replaceWith(block);
  block.append(code.parentElement);
  code.parentElement.tabIndex = 0;  // long lines are scrolled by keys
}

// The nodes of `text`. While a reply still runs, code keeps its colours for the end.
export function markdown(text, is_complete) {
  set_up();
  if (text.length > LONGEST_MARKED_UP) return make("pre", { class: "plain" }, text);
  let nodes;
  try {
    nodes = purified(marked.parse(text), TAGS, ATTRIBUTES);
  } catch {
    return make("pre", { class: "plain" }, text);
  }
  nodes.querySelectorAll("a").forEach((link) => {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    link.title = say("open_link", link.host || link.href);
  });
  nodes.querySelectorAll("input").forEach((box) => { box.type = "checkbox"; box.disabled = true; });
  nodes.querySelectorAll(".formula").forEach(show_formula);
  nodes.querySelectorAll("table").forEach((table) => {
    const frame = make("div", { class: "wide-table", tabindex: 0 });
    table.replaceWith(frame);
    frame.append(table);
  });
  if (is_complete) nodes.querySelectorAll("pre > code").forEach(show_code);
  return nodes;
}

// What the page says, in English and Chinese. {} are filled in, in order.
import { read, write } from "./kept.js";

const PHRASES = {
  skip: ["Skip to the question", "跳到输入框"],
  conversations: ["Conversations", "对话列表"],
  conversation: ["Conversation", "对话"],
  new_chat: ["New conversation", "新对话"],
  search: ["Search conversations", "搜索对话"],
  nothing_found: ["Nothing found", "没有找到"],
  no_conversations: ["No conversations yet. They stay in this browser.", "还没有对话。对话只保存在本浏览器中。"],
  rename: ["Rename", "重命名"],
  delete: ["Delete", "删除"],
  delete_sure: ["Delete “{}”?", "删除“{}”？"],
  export: ["Export", "导出"],
  export_all: ["Export all", "全部导出"],
  table: ["Votes", "投票结果"],
  close: ["Close", "关闭"],
  settings: ["Settings", "设置"],
  side_by_side: ["Side by side", "并排比较"],
  ask: ["Ask something", "输入问题"],
  send: ["Send", "发送"],
  stop: ["Stop", "停止"],
  keys: ["Enter sends · Shift+Enter new line · / to type · Esc stops · Alt+↑↓ conversations",
    "Enter 发送 · Shift+Enter 换行 · / 输入 · Esc 停止 · Alt+↑↓ 切换对话"],
  model: ["Model", "模型"],
  local: ["on this server", "本服务器"],
  remote_at: ["at {}", "位于 {}"],
  not_loaded: ["loaded when asked", "使用时载入"],
  you: ["You", "你"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  regenerate: ["Regenerate", "重新生成"],
  edit: ["Edit", "编辑"],
  cancel: ["Cancel", "取消"],
  save_ask: ["Ask again", "重新提问"],
  thinking: ["Thinking…", "思考中…"],
  thought: ["Thought", "思考过程"],
  waiting: ["Waiting for the first word…", "等待第一个词…"],
  stopped: ["stopped", "已停止"],
  cut_by_length: ["cut off by the length limit", "已达到长度上限"],
  figures: ["{} tokens · {} tokens/s · first after {} s", "{} 个词元 · 每秒 {} 个 · {} 秒后开始"],
  figures_one: ["{} token · first after {} s", "{} 个词元 · {} 秒后开始"],
  context_use: ["context {} of {} tokens", "上下文 {} / {} 个词元"],
  done: ["The reply is complete", "回答完成"],
  welcome: ["Ask {}", "向 {} 提问"],
  welcome_note: ["Conversations are kept in this browser only.", "对话只保存在本浏览器中。"],
  welcome_remote: ["Questions leave this server: they go to {}.", "问题将离开本服务器，发送至 {}。"],
  blind: ["Hide names until the vote", "投票前隐藏模型名"],
  blind_note: ["The server shuffles the models; this page does not know which is which.",
    "由服务器打乱顺序，投票前本页面也不知道哪个是哪个。"],
  add_model: ["Add a model", "添加模型"],
  remove_model: ["Remove {}", "移除 {}"],
  column: ["Model {}", "模型 {}"],
  which_better: ["Which reply is better?", "哪个回答更好？"],
  tie: ["Tie", "平局"],
  all_bad: ["All bad", "都不好"],
  skip_vote: ["Show names, no vote", "不投票，显示名称"],
  voted: ["Voted. The names are shown above the replies.", "已投票。模型名显示在回答上方。"],
  need_two: ["Choose two to four different models.", "请选择两到四个不同的模型。"],
  one_model: ["This server has one model. Side by side needs two: heng serve A B, or --provider.",
    "本服务器只有一个模型。并排比较需要两个：heng serve A B 或 --provider。"],
  votes_off: ["Votes are off on this server, so names are shown.", "本服务器未开启投票，因此显示模型名。"],
  table_title: ["{} votes", "{} 次投票"],
  table_note: ["Bradley–Terry ratings on Elo's scale from blind votes: 400 points are ten wins to one. Intervals hold 95 % of 400 resamples.",
    "由盲测投票按 Bradley–Terry 模型计算的 Elo 分：相差 400 分即十胜一负。区间包含 400 次重采样的 95%。"],
  table_empty: ["No votes yet. Compare models side by side with names hidden.", "还没有投票。请在隐藏名称的并排比较中投票。"],
  rating: ["Rating", "评分"],
  interval: ["95 % interval", "95% 区间"],
  n_votes: ["Votes", "票数"],
  wins: ["Won", "胜"],
  ties: ["Tied", "平"],
  losses: ["Lost", "负"],
  language: ["Language", "语言"],
  theme: ["Theme", "主题"],
  theme_system: ["As the system", "跟随系统"],
  theme_light: ["Light", "浅色"],
  theme_dark: ["Dark", "深色"],
  api_key: ["API key", "API 密钥"],
  api_key_note: ["This server asks for one. It is kept in this tab and sent to this server only.",
    "本服务器要求密钥。仅保存在本标签页，并且只发送给本服务器。"],
  system_prompt: ["System prompt", "系统提示"],
  system_note: ["Said to the model before the conversation; empty: the model's own.", "在对话之前告诉模型；留空则用模型默认。"],
  generation: ["Generation", "生成"],
  page: ["Page", "页面"],
  default_is: ["Default: {}.", "默认：{}。"],
  model_default: ["the model's own", "模型默认"],
  reset: ["Back to defaults", "恢复默认"],
  local_only: ["models of this server", "仅限本服务器的模型"],
  temperature: ["Randomness of the choice; 0 takes the best token each time.", "随机程度；0 表示每次取最可能的词元。"],
  top_p: ["Keeps the likeliest tokens up to this share.", "只保留累计概率达到此值的词元。"],
  top_k: ["Keeps this many of the likeliest tokens; 0: all.", "只保留最可能的若干词元；0 表示全部。"],
  repetition_penalty: ["Above 1: less of what was said before.", "大于 1 时减少重复。"],
  presence_penalty: ["Above 0: new topics are preferred.", "大于 0 时偏向新话题。"],
  frequency_penalty: ["Above 0: words get rarer the more often they came.", "大于 0 时越常出现的词越少用。"],
  max_tokens: ["Longest reply in tokens; empty: what the context has room for.", "回答的最大词元数；留空则用上下文剩余空间。"],
  min_tokens: ["Shortest reply in tokens.", "回答的最小词元数。"],
  seed: ["The same seed gives the same reply; empty: a new one each time.", "相同种子得到相同回答；留空则每次不同。"],
  stop_texts: ["Ends the reply before one of these texts, one a line.", "遇到其中任一文本（每行一个）即结束回答。"],
  think: ["Whether a model that can think before it answers does.", "可思考的模型是否先思考再回答。"],
  speculate: ["Guesses this many tokens ahead; the reply stays the same.", "预测后续词元以加速；回答不变。"],
  on: ["on", "开"],
  off: ["off", "关"],
  licences: ["Licences of what this page is built on", "本页面所用组件的许可证"],
  no_server: ["The server does not answer. Is heng serve still running?", "服务器没有响应。heng serve 还在运行吗？"],
  cut: ["The connection broke before the reply was complete.", "回答完成前连接中断。"],
  not_kept: ["This browser keeps no conversations (private window?).", "本浏览器无法保存对话（无痕窗口？）。"],
  open_link: ["Opens {}", "打开 {}"],
  image_of: ["image: {}", "图片：{}"],
};

const LANGUAGES = { en: 0, zh: 1 };

export const language = () => {
  const chosen = read("language", "");
  return chosen in LANGUAGES ? chosen : navigator.language?.startsWith("zh") ? "zh" : "en";
};

export function set_language(name) {
  write("language", name);
}

export function say(key, ...values) {
  const phrase = PHRASES[key];
  if (!phrase) throw new Error("no phrase " + key);
  return phrase[LANGUAGES[language()]].replaceAll("{}", () => String(values.shift() ?? ""));
}

// Fills in what index.html leaves to the language.
export function translate(root = document) {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  for (const e of root.querySelectorAll("[data-text]")) e.textContent = say(e.dataset.text);
  for (const e of root.querySelectorAll("[data-hint]")) e.placeholder = say(e.dataset.hint);
  for (const e of root.querySelectorAll("[data-label]")) {
    e.setAttribute("aria-label", say(e.dataset.label));
    if (e.tagName === "BUTTON") e.title = say(e.dataset.label);
  }
}

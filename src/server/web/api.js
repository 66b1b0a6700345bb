// The server's side: JSON requests, and chats as they stream. All go to where the page came from.
import { read_key } from "./kept.js";
import { say } from "./phrases.js";

export class ApiError extends Error {
  constructor(status, message, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function send(path, options) {
  const headers = { "Content-Type": "application/json" };
  if (read_key()) headers.Authorization = "Bearer " + read_key();
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, say("no_server"));
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let told = {};
  try {
    told = JSON.parse(text).error ?? {};
  } catch {
    // no JSON: the status alone
  }
  throw new ApiError(answer.status, told.message ?? `HTTP ${answer.status}`, told.code ?? "");
}

export const get = async (path) => (await send(path, {})).json();
export const post = async (path, body) =>
  (await send(path, { method: "POST", body: JSON.stringify(body) })).json();

// The data of each event of a stream.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("data: ")) yield line.slice(6);
      }
    }
  }
}

// Streams a chat. `on_delta(text, thought)` as it comes; gives {reason, usage, first, seconds}, times in
// seconds. `signal` ends it: then the reason is "stopped".
export async function chat(request, on_delta, signal) {
  const began = performance.now();
  const result = { reason: "", usage: null, first: null, seconds: 0 };
  const since = () => (performance.now() - began) / 1000;
  try {
    const answer = await send("/heng/chat", {
      method: "POST",
      body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
      signal,
    });
    for await (const data of events(answer.body)) {
      if (data === "[DONE]") {
        result.seconds = since();
        return result;
      }
      const event = JSON.parse(data);
      if (event.error) throw new ApiError(200, event.error.message, event.error.code);
      if (event.usage) result.usage = event.usage;
      const choice = event.choices?.[0];
      if (!choice) continue;
      if (choice.finish_reason) result.reason = choice.finish_reason;
      const { content = "", reasoning_content = "" } = choice.delta ?? {};
      if (!content && !reasoning_content) continue;
      result.first ??= since();
      on_delta(content ?? "", reasoning_content ?? "");
    }
    throw new ApiError(0, say("cut"));
  } catch (error) {
    if (signal.aborted) return { ...result, reason: "stopped", seconds: since() };
    throw error instanceof ApiError ? error : new ApiError(0, say("cut"));
  }
}

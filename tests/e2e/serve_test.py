#!/usr/bin/env python3
"""`heng serve` held against the clients that people use, unmodified: PyPI's openai and ollama."""
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import time

import program
import serving
import tiny_qwen

serving.need_clients()
import ollama  # noqa: E402
import openai  # noqa: E402

SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 99},
                                           "ok": {"type": "boolean"}},
          "required": ["sum", "ok"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "adds",
                                           "parameters": SCHEMA}}]
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


class OpenAi(serving.Case):
    def setUp(self):
        super().setUp()
        self.client = openai.OpenAI(base_url=self.server.url + "/v1", api_key="none", max_retries=0,
                                    timeout=program.TIMEOUT)

    def chat(self, **more):
        return self.client.chat.completions.create(**({"model": "paris", "messages": QUESTION} | more))

    def test_models(self):
        self.assertEqual({model.id for model in self.client.models.list()}, {"paris", "noise"})
        self.assertEqual(self.client.models.retrieve("noise").id, "noise")

    def test_chat(self):
        reply = self.chat()
        self.assertEqual(reply.choices[0].message.content, "Paris é.")
        self.assertEqual(reply.choices[0].message.role, "assistant")
        self.assertEqual(reply.choices[0].finish_reason, "stop")
        self.assertEqual(reply.usage.completion_tokens, 9)
        self.assertEqual(reply.usage.total_tokens, reply.usage.prompt_tokens + 9)
        self.assertGreater(self.chat().usage.prompt_tokens_details.cached_tokens, 0)

    def test_chat_stream(self):
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, "Paris é.")
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
        self.assertEqual(chunks[-1].usage.completion_tokens, 9)

    def test_another_model_is_loaded_when_it_is_asked_for(self):
        reply = self.chat(model="noise", max_tokens=5, seed=3, temperature=1)
        self.assertEqual(reply.model, "noise")
        self.assertEqual(reply.choices[0].finish_reason, "length")
        again = self.chat(model="noise", max_tokens=5, seed=3, temperature=1)
        self.assertEqual(reply.choices[0].message.content, again.choices[0].message.content)
        other = self.chat(model="noise", max_tokens=5, seed=4, temperature=1)
        self.assertNotEqual(reply.choices[0].message.content, other.choices[0].message.content)

    def test_settings(self):
        reply = self.chat(model="noise", n=3, max_completion_tokens=6, temperature=1.2, top_p=0.9,
                          seed=1, frequency_penalty=0.5, presence_penalty=0.5,
                          logit_bias={"65": -100}, extra_body={"top_k": 20, "ignore_eos": True,
                                                               "repetition_penalty": 1.1})
        texts = [choice.message.content for choice in reply.choices]
        self.assertEqual(len(texts), 3)
        self.assertGreater(len(set(texts)), 1)
        self.assertNotIn("A", "".join(texts))
        self.assertEqual(reply.usage.completion_tokens, 18)

    def test_bias_decides(self):
        reply = self.chat(model="noise", max_tokens=4, logit_bias={"66": 100},
                          extra_body={"ignore_eos": True})
        self.assertEqual(reply.choices[0].message.content, "BBBB")

    def test_stop(self):
        self.assertEqual(self.chat(stop=" é").choices[0].message.content, "Paris")
        self.assertEqual(self.chat(stop=["x", "ri"]).choices[0].message.content, "Pa")
        chunks = self.chat(stop=["is"], stream=True)
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), "Par")

    def test_logprobs(self):
        content = self.chat(logprobs=True, top_logprobs=2).choices[0].logprobs.content
        self.assertEqual(b"".join(bytes(item.bytes) for item in content).decode(), "Paris é.")
        for item in content:
            self.assertLess(item.logprob, 0)
            self.assertEqual(len(item.top_logprobs), 2)
            self.assertEqual(item.logprob, item.top_logprobs[0].logprob)
        streamed = []
        for chunk in self.chat(logprobs=True, top_logprobs=2, stream=True):
            if chunk.choices[0].logprobs:
                streamed += chunk.choices[0].logprobs.content
        self.assertEqual([item.logprob for item in streamed], [item.logprob for item in content])

    def test_json_schema(self):
        for seed in range(8):
            reply = self.chat(model="noise", temperature=1.5, seed=seed, response_format={
                "type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}})
            self.assertEqual(reply.choices[0].finish_reason, "stop")
            value = json.loads(reply.choices[0].message.content)
            self.assertEqual(list(value), ["sum", "ok"])
            self.assertIn(value["sum"], range(100))
            self.assertIsInstance(value["ok"], bool)

    def test_json_object(self):
        reply = self.chat(model="noise", seed=1, temperature=1, max_tokens=400,
                          response_format={"type": "json_object"}, logit_bias={"125": 4})
        if reply.choices[0].finish_reason == "stop":
            self.assertIsInstance(json.loads(reply.choices[0].message.content), dict)
        self.assertTrue(reply.choices[0].message.content.startswith("{"))

    def test_tools_that_are_not_called(self):
        free = self.chat(tools=TOOLS)
        self.assertEqual(free.choices[0].message.content, "Paris é.")
        self.assertIsNone(free.choices[0].message.tool_calls)
        self.assertGreater(free.usage.prompt_tokens, self.chat().usage.prompt_tokens)

    def test_forms_that_cannot_be_met_are_refused(self):
        for schema in ({"type": "integer", "minimum": 5, "maximum": 4}, {"type": "thing"},
                       {"$ref": "#/nowhere"}, {"type": "string", "pattern": "("}):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.chat(response_format={"type": "json_schema", "json_schema": {
                    "name": "x", "schema": schema}})
            self.assertEqual(caught.exception.param, "response_format", schema)

    def test_completions(self):
        done = self.client.completions.create(model="paris", prompt="Pa", max_tokens=20)
        self.assertEqual(done.choices[0].text, "ris é.")
        echo = self.client.completions.create(model="paris", prompt=["P", [80, 97]], max_tokens=20,
                                              echo=True, logprobs=1)
        self.assertEqual([choice.text for choice in echo.choices], ["Paris é."] * 2)
        self.assertIsNone(echo.choices[0].logprobs.token_logprobs[0])
        self.assertEqual(echo.choices[1].logprobs.tokens[:3], ["P", "a", "r"])
        stream = self.client.completions.create(model="paris", prompt="Pa", stream=True, max_tokens=20)
        self.assertEqual("".join(chunk.choices[0].text for chunk in stream), "ris é.")

    def test_embeddings(self):
        packed = self.client.embeddings.create(model="noise", input=["ab", "abc"])  # base64
        plain = self.client.embeddings.create(model="noise", input="ab", encoding_format="float")
        self.assertEqual(packed.data[0].embedding, plain.data[0].embedding)
        self.assertEqual(len(plain.data[0].embedding), tiny_qwen.HIDDEN)
        self.assertTrue(all(map(math.isfinite, packed.data[1].embedding)))

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat(model="gpt-9")
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(temperature=-1)
        self.assertEqual(caught.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(max_tokens=5000)
        self.assertEqual(caught.exception.code, "context_length_exceeded")
        with self.assertRaises(openai.BadRequestError):
            self.client.post("/completions", cast_to=object, body={"prompt": 5})

    def test_client_that_leaves_a_stream_stops_the_work(self):
        stream = self.chat(model="noise", max_tokens=1900, stream=True, temperature=1,
                           extra_body={"ignore_eos": True})
        next(iter(stream))
        stream.close()
        self.assertTrue(self.eventually_idle())

    def eventually_idle(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            text = self.server.request("GET", "/metrics")[2]
            if "heng:streams 0\n" in text and 'requests_running{model="noise"} 0\n' in text:
                return True
            time.sleep(0.02)
        return False


class Tools(serving.Case):
    """Replies held to calls: noise in the format of Qwen2.5."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.caller = serving.Server(pathlib.Path(cls._home), cls.noise, "--template", "qwen2.5",
                                    "--ctx", 2048)
        cls.addClassCleanup(cls.caller.stop)

    def setUp(self):
        super().setUp()
        self.client = openai.OpenAI(base_url=self.caller.url + "/v1", api_key="none", max_retries=0)

    def chat(self, **more):
        return self.client.chat.completions.create(**({"model": "noise", "messages": QUESTION} | more))

    def test_tools(self):
        for choice in ("required", {"type": "function", "function": {"name": "add"}}):
            reply = self.chat(tools=TOOLS, tool_choice=choice, seed=5, temperature=1).choices[0]
            self.assertEqual(reply.finish_reason, "tool_calls")
            call = reply.message.tool_calls[0]
            self.assertEqual((call.type, call.function.name), ("function", "add"))
            self.assertIn(json.loads(call.function.arguments)["sum"], range(100))
            self.assertTrue(call.id)
        # What the tool gave goes back into the conversation.
        again = self.chat(messages=[*QUESTION, reply.message.model_dump(exclude_none=True),
                                    {"role": "tool", "tool_call_id": call.id, "content": "4"}],
                          tools=TOOLS, max_tokens=1)
        self.assertGreater(again.usage.prompt_tokens, 100)

    def test_tools_stream(self):
        more = {"tools": TOOLS, "tool_choice": "required", "seed": 5, "temperature": 1}
        whole = self.chat(**more).choices[0].message.tool_calls[0]
        names, arguments, reason = [], "", None
        for chunk in self.chat(stream=True, **more):
            for piece in chunk.choices[0].delta.tool_calls or []:
                if piece.function.name:
                    names.append(piece.function.name)
                arguments += piece.function.arguments or ""
            reason = chunk.choices[0].finish_reason or reason
        self.assertEqual((names, arguments, reason),
                         (["add"], whole.function.arguments, "tool_calls"))

    def test_functions_of_the_older_api(self):
        reply = self.chat(functions=[TOOLS[0]["function"]],
                          function_call={"name": "add"}, seed=2, temperature=1).choices[0]
        self.assertEqual(reply.finish_reason, "function_call")
        self.assertEqual(reply.message.function_call.name, "add")
        self.chat(messages=[*QUESTION, {"role": "assistant", "content": None, "function_call": {
            "name": "add", "arguments": "{}"}}, {"role": "function", "name": "add", "content": "4"}],
            functions=[TOOLS[0]["function"]], max_tokens=1)


class Ollama(serving.Case):
    def setUp(self):
        super().setUp()
        self.client = ollama.Client(host=self.server.url)

    def test_list_and_show(self):
        self.assertEqual({m.model for m in self.client.list().models}, {"paris", "noise"})
        self.assertEqual(self.client.show("paris:latest").details.family, "qwen")
        self.assertIn("paris", {m.model for m in self.client.ps().models})

    def test_chat(self):
        reply = self.client.chat(model="paris", messages=QUESTION)
        self.assertEqual(reply.message.content, "Paris é.")
        self.assertEqual((reply.done, reply.done_reason), (True, "stop"))
        self.assertEqual(reply.eval_count, 9)
        stream = self.client.chat(model="paris", messages=QUESTION, stream=True)
        self.assertEqual("".join(part.message.content for part in stream), "Paris é.")

    def test_format_and_tools(self):
        reply = self.client.chat(model="noise", messages=QUESTION, format=SCHEMA)
        self.assertEqual(set(json.loads(reply.message.content)), {"sum", "ok"})
        reply = self.client.chat(model="paris", messages=QUESTION, tools=TOOLS)
        self.assertEqual(reply.message.content, "Paris é.")

    def test_generate(self):
        self.assertEqual(self.client.generate(model="paris", prompt="Where?").response, "Paris é.")
        raw = self.client.generate(model="paris", prompt="Par", raw=True)
        self.assertEqual(raw.response, "is é.")
        short = self.client.generate(model="noise", prompt="a", options={"num_predict": 3, "seed": 1})
        self.assertLessEqual(short.eval_count, 3)

    def test_errors(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.chat(model="nobody", messages=QUESTION)
        self.assertEqual(caught.exception.status_code, 404)


class Operation(serving.Case):
    def test_thoughts_have_a_field_of_their_own(self):
        model = tiny_qwen.make(self.home / "thinker", reply="<think>hm</think> Yes")
        server = self.serve(model, "--template", "qwen3")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
        message = client.chat.completions.create(model="thinker", messages=QUESTION).choices[0].message
        self.assertEqual((message.content, message.reasoning_content), ("Yes", "hm"))
        thought = text = ""
        for chunk in client.chat.completions.create(model="thinker", messages=QUESTION, stream=True):
            delta = chunk.choices[0].delta
            thought += getattr(delta, "reasoning_content", None) or ""
            text += delta.content or ""
        self.assertEqual((text, thought), ("Yes", "hm"))

    def test_key_and_log(self):
        server = self.serve(self.paris, "--api-key", "sesame", "--log", "json",
                            env={"HENG_API_KEY": "other"})
        for key in ("sesame", "other"):
            client = openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)
            client.chat.completions.create(model="paris", messages=QUESTION)
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="wrong-one", max_retries=0)
        with self.assertRaises(openai.AuthenticationError):
            client.models.list()
        self.assertEqual(server.stop(), 0)
        lines = [json.loads(line) for line in server.log]
        asked = [line for line in lines if line["event"] == "request"]
        self.assertEqual([line["status"] for line in asked], [200, 200, 401])
        self.assertEqual(asked[0]["reply_tokens"], 9)
        self.assertRegex(asked[0]["id"], "^[0-9a-f]{16}$")
        for secret in ("sesame", "wrong-one", "capital", "Paris"):
            self.assertNotIn(secret, "".join(server.log))

    def test_aliases(self):
        server = self.serve(self.paris, self.noise, "--alias", "gpt-3.5-turbo", "--alias", "n=noise")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
        for name, served in (("gpt-3.5-turbo", "paris"), ("default", "paris"), ("n", "noise"),
                             ("Paris", "paris")):
            reply = client.chat.completions.create(model=name, messages=QUESTION, max_tokens=2)
            self.assertEqual(reply.model, served)

    def test_models_make_room_for_each_other(self):
        shown = json.loads(self.heng("show", self.noise, "--ctx", 512, "--json")[0])
        room_for_one = 1.5 * shown["memory_bytes"]["fp32"] / 2**30
        server = self.serve(self.paris, self.noise, "--ctx", 512, "--model-memory",
                            f"{room_for_one:.9f}")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
        for name in ("noise", "paris", "noise"):
            client.chat.completions.create(model=name, messages=QUESTION, max_tokens=2)
            loaded = [m for m in client.models.list() if m.loaded]
            self.assertEqual([m.id for m in loaded], [name])

    def test_idle_model_is_unloaded_and_comes_back(self):
        server = self.serve(self.paris, "--idle-unload", 1)
        end = time.monotonic() + 20
        while json.loads(server.request("GET", "/v1/models")[2])["data"][0]["loaded"]:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        body = {"prompt": "Pa", "max_tokens": 20}
        text = json.loads(server.request("POST", "/v1/completions", body)[2])["choices"][0]["text"]
        self.assertEqual(text, "ris é.")

    def test_exit_statuses(self):
        server = self.serve(self.paris)
        self.assertEqual(server.stop(signal.SIGINT), 0)
        port = self.serve(self.paris).port
        self.assertIn("address already in use",
                      self.refusal("serve", self.paris, "--port", port, status=2).lower())
        self.refusal("serve", self.home / "none", status=3)
        broken = tiny_qwen.make(self.home / "broken")
        (broken / "model.safetensors").write_bytes(b"\0" * 64)
        self.refusal("serve", broken, "--port", 0, "--log", "none", status=3)
        self.refusal("serve", self.paris, "--alias", "x=y", "--port", 0, status=2)

    def test_second_signal_leaves_at_once(self):
        server = self.serve(self.noise, "--drain", 60, "--ctx", 8192)
        body = {"prompt": "a", "max_tokens": 8000, "ignore_eos": True, "stream": True}
        connection = serving.http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/v1/completions", json.dumps(body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.readline()
        server.process.send_signal(signal.SIGTERM)
        while not any("drain" in line for line in server.log):
            time.sleep(0.01)
        self.assertEqual(server.stop(signal.SIGTERM), 143)
        connection.close()

    def test_other_addresses_need_a_key(self):
        server = self.serve(self.paris, "--host", "0.0.0.0")
        key = [word for line in server.log for word in line.split() if word.startswith("heng-")][0]
        self.assertEqual(server.request("GET", "/v1/models")[0], 401)
        self.assertEqual(
            server.request("GET", "/v1/models", headers={"Authorization": "Bearer " + key})[0], 200)


class Documentation(serving.Case):
    """docs/server.md: every command runs, and its answer has the members that are shown."""
    PLACE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "server.md"

    def same_members(self, shown, got, path):
        self.assertEqual(type(shown), type(got), path)
        if isinstance(shown, dict) and not path.endswith("top_logprobs[]"):
            self.assertEqual(set(shown), set(got), path)
            for key in shown:
                if shown[key] is not None and got[key] is not None:
                    self.same_members(shown[key], got[key], f"{path}.{key}")
        if isinstance(shown, list) and shown and got and shown[0] is not None:
            self.same_members(shown[0], got[0], f"{path}[]")

    def test_examples(self):
        text = self.PLACE.read_text()
        blocks = re.findall(r"```(sh|json)\n(.*?)```", text, re.S)
        n_run, answer = 0, None
        for kind, block in blocks:
            if kind == "json":
                if answer is not None:
                    self.same_members(json.loads(block), json.loads(answer), "answer")
                answer = None
                continue
            for command in re.split(r"\n(?=curl )", block.strip()):
                self.assertTrue(command.startswith("curl "), command)
                command = command.replace("127.0.0.1:8080", f"127.0.0.1:{self.server.port}")
                done = subprocess.run(["bash", "-c", command.replace("curl", "curl -sS --fail", 1)],
                                      capture_output=True, encoding="utf-8", timeout=60, check=False)
                self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
                answer = done.stdout
                n_run += 1
        self.assertGreaterEqual(n_run, 16)


if __name__ == "__main__":
    os.environ.pop("OPENAI_API_KEY", None)
    program.main()

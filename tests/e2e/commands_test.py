#!/usr/bin/env python3
"""Every command of the built program over tiny models: results, JSON, errors, exit statuses."""
import json
import os
import pathlib
import shutil
import signal
import struct

import program
import tiny_qwen


def read_npy(path):
    """(shape, values) of a float32 NumPy file."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    length = struct.unpack("<H", data[8:10])[0]
    assert (10 + length) % 64 == 0
    header = eval(data[10:10 + length], {"__builtins__": {}})  # a literal, by the format
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    values = struct.unpack(f"<{(len(data) - 10 - length) // 4}f", data[10 + length:])
    return header["shape"], values


class Run(program.Case):
    def test_chat_model_answers_in_its_format(self):
        out, err = self.heng("run", self.paris, "What is the capital of France?")
        self.assertEqual(out, "Paris é.\n")
        self.assertIn("paris", err.splitlines()[0])
        self.assertEqual(len(err.splitlines()), 1)

    def test_standard_input_is_the_prompt(self):
        self.assertEqual(self.heng("run", self.paris, text="Where?\n")[0], "Paris é.\n")

    def test_json_has_ids_text_reason_and_timings(self):
        out, err = self.heng("run", self.paris, "?", "--json")
        self.assertEqual(err, "")
        result = json.loads(out)
        self.assertEqual(bytes(result["ids"]).decode(), "Paris é.")
        self.assertEqual(result["text"], "Paris é.")
        self.assertEqual(result["finish_reason"], "stop")
        for key in ("prompt_seconds", "generation_seconds", "prompt_tokens_per_second"):
            self.assertGreater(result[key], 0, key)

    def test_json_has_the_thought_apart(self):
        model = tiny_qwen.make(self.home / "thinker", reply="<think>hm</think> Yes")
        out = json.loads(self.heng("run", model, "Hi", "--template", "qwen3", "--json")[0])
        self.assertEqual((out["thought"], out["text"], out["thought_tokens"]), ("hm", "Yes", 2))
        self.assertEqual(self.heng("run", model, "Hi", "--template", "qwen3")[0], "Yes\n")
        self.assertNotIn("thought", json.loads(self.heng("run", model, "Hi", "--json")[0]))

    def test_thinking_is_refused_where_there_is_none(self):
        for args in (("run", self.paris, "Hi"), ("run", self.paris, "Hi", "--raw"),
                     ("prompt", self.paris, "Hi")):
            err = self.refusal(*args, "--json", "--think", "off", status=2)
            self.assertIn("no thoughts", err)

    def test_ids_are_taken_as_they_are(self):
        (self.home / "ids").write_text("65 66\n10")
        out, _ = self.heng("run", self.paris, "--ids", "ids", "--greedy", "--max-new-tokens", 20,
                           "--ignore-eos", "--json")
        result = json.loads(out)
        self.assertEqual(result["prompt_tokens"], 3)
        self.assertEqual(len(result["ids"]), 20)
        self.assertEqual(result["finish_reason"], "length")

    def test_raw_continues_the_text(self):
        raw = json.loads(self.heng("run", self.paris, "Pa", "--raw", "--json")[0])
        self.assertEqual(raw["text"], "ris é.")
        self.assertEqual(raw["prompt_tokens"], 2)

    def test_special_text_is_plain_unless_parsed(self):
        plain = json.loads(self.heng("run", self.paris, "<|im_end|>", "--raw", "--json")[0])
        parsed = json.loads(self.heng("run", self.paris, "<|im_end|>", "--raw", "--parse-special",
                                      "--json", "--max-new-tokens", 1)[0])
        self.assertEqual(plain["prompt_tokens"], 10)
        self.assertEqual(parsed["prompt_tokens"], 1)

    def test_stop_text_ends_the_reply(self):
        out, _ = self.heng("run", self.paris, "?", "--stop", "is")
        self.assertEqual(out, "Par\n")

    def test_seed_decides_a_sampled_reply(self):
        def reply(seed):
            return json.loads(self.heng("run", self.noise, "?", "--sample", "--temperature", 2, "--seed",
                                        seed, "--max-new-tokens", 30, "--ignore-eos", "--json")[0])
        first, again, other = reply(1), reply(1), reply(2)
        self.assertEqual(first["ids"], again["ids"])
        self.assertNotEqual(first["ids"], other["ids"])
        self.assertEqual(first["seed"], 1)

    def test_seed_of_a_free_reply_gives_it_again(self):
        common = ["run", self.noise, "?", "--max-new-tokens", 30, "--json"]
        free = json.loads(self.heng(*common)[0])
        again = json.loads(self.heng(*common, "--seed", free["seed"])[0])
        self.assertEqual(free["ids"], again["ids"])

    def test_temperature_0_is_greedy(self):
        common = ["run", self.noise, "?", "--max-new-tokens", 20, "--json", "--repetition-penalty", 1]
        cold = json.loads(self.heng(*common, "--temperature", 0)[0])
        self.assertEqual(cold["ids"], json.loads(self.heng(*common, "--greedy")[0])["ids"])

    def test_kernels_agree_with_the_reference(self):
        common = ["run", self.noise, "?", "--greedy", "--max-new-tokens", 16, "--json", "--dtype", "fp32"]
        fast = json.loads(self.heng(*common)[0])
        slow = json.loads(self.heng(*common, "--kernels", "reference")[0])
        self.assertEqual(fast["ids"], slow["ids"])


    def test_ctrl_c_stops_the_reply_with_130(self):
        running = self.start("run", self.paris, "?", "--ignore-eos", "--max-new-tokens", 8000)
        self.assertEqual(running.stdout.read(5), b"Paris")
        running.send_signal(signal.SIGINT)
        rest, _ = running.communicate(timeout=program.TIMEOUT)
        self.assertEqual(running.returncode, 130)
        self.assertLess(len(rest), 8000)
        self.assertTrue(rest.endswith(b"\n"))

    def test_full_disk_is_not_success(self):
        for args in (["run", self.paris, "?"], ["tokenize", self.paris, "x", "--json"],
                     ["show", self.paris]):
            with open("/dev/full", "wb") as full:
                running = self.start(*args, stdout=full)
                _, err = running.communicate(timeout=program.TIMEOUT)
            self.assertEqual(running.returncode, 4, err)
            self.assertIn(b"error: standard output cannot be written", err)


class Quantize(program.Case):
    def test_file_speaks_like_the_folder(self):
        for kind in ("q8_0", "q4_0", "f16"):
            out, err = self.heng("quantize", self.paris, f"{kind}.gguf", "--type", kind)
            self.assertIn(f"{kind}.gguf: qwen, ", out)
            answer = self.heng("run", f"{kind}.gguf", "?", "--raw", "--greedy", "--max-new-tokens", 9, "--json")
            self.assertEqual(json.loads(answer[0])["text"], "Paris é.", err)
            tokens = json.loads(self.heng("tokenize", f"{kind}.gguf", "né<|im_end|>", "--parse-special", "--json")[0])
            self.assertEqual(tokens["ids"], [110, 195, 169, tiny_qwen.IM_END])

    def test_json_has_the_figures(self):
        result = json.loads(self.heng("quantize", self.paris, "m.gguf", "--json")[0])
        self.assertEqual(result["type"], "q8_0")
        self.assertEqual(result["architecture"], "qwen")
        self.assertEqual(result["file_bytes"], (self.home / "m.gguf").stat().st_size)
        self.assertTrue(8 < result["bits_per_weight"] < 10)
        self.assertTrue(any("blocks of 32" in note for note in result["notes"]))  # rows of 48

    def test_bad_input_leaves_no_file(self):
        (self.home / "there.gguf").write_text("precious")
        for words, status in ((("there.gguf",), 2), (("m.bin",), 2), (("m.gguf", "--type", "q9"), 2),
                              (("none/m.gguf",), 3)):
            _, err = self.heng("quantize", self.paris, *words, status=status)
            self.assertTrue(err.startswith("error: "), err)
        self.assertEqual((self.home / "there.gguf").read_text(), "precious")
        self.assertEqual([p.name for p in self.home.glob("*.part")], [])


class Tokenize(program.Case):
    def test_ids_and_back(self):
        self.assertEqual(self.heng("tokenize", self.paris, "né")[0], "110 195 169\n")
        self.assertEqual(self.heng("tokenize", self.paris, "--decode", "110 195 169")[0], "né\n")
        self.assertEqual(self.heng("tokenize", self.paris, text="né")[0], "110 195 169\n")

    def test_special_names_are_text_unless_parsed(self):
        plain = json.loads(self.heng("tokenize", self.paris, "<|im_end|>", "--json")[0])
        parsed = json.loads(self.heng("tokenize", self.paris, "<|im_end|>", "--json",
                                      "--parse-special")[0])
        self.assertEqual(bytes(plain["ids"]), b"<|im_end|>")
        self.assertEqual(parsed, {"ids": [tiny_qwen.IM_END], "tokens": ["<|im_end|>"]})

    def test_a_folder_of_a_tokenizer_alone_will_do(self):
        data = pathlib.Path(__file__).resolve().parent.parent / "text" / "data"
        for name in ("qwen2", "qwen2_files"):
            out = self.heng("tokenize", data / name, "<|im_end|>", "--parse-special")[0]
            self.assertEqual(out, "702\n")
        self.assertTrue(self.heng("tokenize", data / "llama2", "a")[0].startswith("1 "))

    def test_jsonl_answers_every_line(self):
        lines = '{"text": "a"}\n{"text": 5}\nnonsense\n{"text": ""}\n'
        out = [json.loads(line) for line in
               self.heng("tokenize", self.paris, "--jsonl", "--no-bos", text=lines)[0].splitlines()]
        self.assertEqual(out[0], {"ids": [97]})
        self.assertIn("text", out[1]["error"])
        self.assertIn("line 3", out[2]["error"])
        self.assertEqual(out[3], {"ids": []})

    def test_jsonl_decodes(self):
        out, _ = self.heng("tokenize", self.paris, "--jsonl", "--decode", text='{"ids": [97, 98]}')
        self.assertEqual(json.loads(out), {"text": "ab"})


class Prompt(program.Case):
    def test_text_and_ids_of_a_question(self):
        out = json.loads(self.heng("prompt", self.paris, "Hi", "--system", "Be kind.", "--json")[0])
        self.assertEqual(out["text"], "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi"
                         "<|im_end|>\n<|im_start|>assistant\n")
        self.assertEqual(out["ids"][0], tiny_qwen.IM_START)
        plain, _ = self.heng("prompt", self.paris, "Hi", "--system", "Be kind.")
        self.assertEqual(plain, out["text"] + "\n\n" + " ".join(map(str, out["ids"])) + "\n")

    def test_jsonl_keeps_to_the_window_and_reports_errors(self):
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                 {"role": "user", "content": "c"}]
        lines = [{"messages": turns}, {"messages": turns, "max_window_size": 1},
                 {"messages": [{"role": "wizard", "content": "x"}]}, {"messages": "x"}]
        out = self.heng("prompt", self.paris, "--jsonl",
                        text="".join(json.dumps(line) + "\n" for line in lines))[0]
        whole, cut, wizard, text = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(whole["dropped_turns"], 0)
        self.assertEqual(cut["dropped_turns"], 1)
        self.assertLess(len(cut["ids"]), len(whole["ids"]))
        self.assertIn("wizard", wizard["error"])
        self.assertIn("messages", text["error"])

    def test_needs_no_weights(self):
        folder = self.home / "bare"
        folder.mkdir()
        for name in ("config.json", "generation_config.json", "qwen.tiktoken"):
            shutil.copy(self.paris / name, folder)
        whole = self.heng("prompt", self.paris, "Hi", "--json")[0]
        self.assertEqual(self.heng("prompt", folder, "Hi", "--json")[0], whole)
        (folder / "config.json").unlink()
        self.assertIn("--template", self.refusal("prompt", folder, "Hi", status=3))
        self.assertEqual(self.heng("prompt", folder, "Hi", "--json", "--template", "qwen")[0], whole)

    def test_unknown_template_lists_the_known(self):
        self.assertIn("qwen", self.refusal("prompt", self.paris, "Hi", "--template", "x", status=2))


class Show(program.Case):
    def test_rows_for_people(self):
        out, err = self.heng("show", self.paris)
        self.assertEqual(err, "")
        for word in ("QWenLMHeadModel", "fp32", "8,192", "qwen.tiktoken", "<|im_end|>", "top_p 0.8"):
            self.assertIn(word, out)

    def test_json_for_programs(self):
        out = json.loads(self.heng("show", self.paris, "--json", "--ctx", 256)[0])
        self.assertEqual(out["architecture"], "qwen")
        self.assertEqual(out["context"], 256)
        self.assertEqual(out["layers"], 2)
        self.assertEqual(out["stop_tokens"][0], "<|im_end|>")
        self.assertEqual(out["memory_bytes"]["fp32"],
                         out["weight_bytes"] + out["kv_bytes"] + out["work_bytes"])

    def test_names_are_found_in_the_cache(self):
        models = self.home / "models"
        models.mkdir()
        (models / "Paris-Chat").symlink_to(self.paris)
        self.assertIn("QWenLMHeadModel", self.heng("show", "paris")[0])


class Logits(program.Case):
    def logits(self, *extra):
        (self.home / "ids").write_text(" ".join(str(i) for i in range(60, 80)))
        self.heng("logits", self.noise, "--ids", "ids", "--npy", "out.npy", *extra)
        self.assertFalse((self.home / "out.npy.part").exists())
        return read_npy(self.home / "out.npy")

    def test_every_position_and_row(self):
        shape, values = self.logits("--dtype", "fp32")
        self.assertEqual(shape, (20, 512))
        self.assertEqual(len(values), 20 * 512)
        self.assertGreater(max(values) - min(values), 1)

    def test_steps_equal_one_prefill(self):
        self.assertEqual(self.logits("--dtype", "fp32"), self.logits("--dtype", "fp32", "--steps", 7))

    def test_unwritable_place_is_refused(self):
        (self.home / "ids").write_text("1")
        err = self.refusal("logits", self.noise, "--ids", "ids", "--npy", "no/such/out.npy", "--json",
                           status=3)
        self.assertIn("no/such/out.npy", err)


class Bench(program.Case):
    def test_json_has_both_speeds(self):
        out, err = self.heng("bench", self.noise, "--prompt", 32, "--generate", 8, "--repeat", 2,
                             "--threads", 1, "--no-machine", "--json")
        self.assertEqual(err, "")
        result = json.loads(out)
        self.assertGreater(result["prompt_tokens_per_second"], 0)
        self.assertGreater(result["generation_tokens_per_second"], 0)
        self.assertEqual(result["threads"], 1)

    def test_rows_for_people(self):
        out, _ = self.heng("bench", self.noise, "--prompt", 8, "--generate", 4, "--repeat", 1,
                           "--no-machine")
        self.assertRegex(out, r"prompt +8 +[\d.,]+ tokens/s ± 0")
        self.assertRegex(out, r"generation +4 +[\d.,]+ tokens/s")


class Lora(program.Case):
    def setUp(self):
        super().setUp()
        self.lora = tiny_qwen.make_lora(self.home / "rome", reply="Rome!")

    def test_an_adapter_changes_what_every_command_runs(self):
        out, err = self.heng("run", self.paris, "--lora", self.lora, "Where?")
        self.assertEqual(out, "Rome!\n")
        self.assertIn("paris + rome", err)
        self.assertEqual(self.heng("chat", self.paris, "--lora", self.lora, "--prompt", "?")[0],
                         "Rome!\n")
        self.assertEqual(self.heng("tokenize", self.paris, "--lora", self.lora, "a")[0], "97\n")
        self.heng("prompt", self.paris, "--lora", self.lora, "a")

    def test_show_says_what_is_on_the_model(self):
        out, _ = self.heng("show", self.paris, "--lora", self.lora)
        self.assertRegex(out, r"adapter +rome, rank 2, alpha 4, on 1 matrices, replaces "
                              r"lm_head.weight, transformer.wte.weight, made for tiny/paris")
        found = json.loads(self.heng("show", self.paris, "--lora", self.lora, "--json")[0])
        self.assertEqual(found["loras"][0]["name"], "rome")
        self.assertEqual(found["loras"][0]["rank"], 2)

    def test_a_merged_folder_needs_the_adapter_no_more(self):
        out, err = self.heng("merge", self.paris, "--lora", self.lora, "merged", "--json")
        self.assertEqual(err, "")
        result = json.loads(out)
        self.assertEqual((result["changed"], result["weight_files"]), (3, 1))
        self.assertEqual(self.heng("run", "merged", "Where?")[0], "Rome!\n")
        self.assertEqual(sorted(f.name for f in (self.home / "merged").iterdir()),
                         ["config.json", "generation_config.json", "model.safetensors",
                          "qwen.tiktoken"])
        out, _ = self.heng("merge", self.paris, "--lora", self.lora, "again", "--dtype", "bf16")
        self.assertRegex(out, r"^again: 3 of 19 tensors changed, .* in 1 weight files, ")
        self.assertIn("bf16", self.heng("show", "again")[0])

    def test_the_last_adapter_wins(self):
        other = tiny_qwen.make_lora(self.home / "bern", reply="Bern.")
        self.heng("merge", self.paris, "--lora", self.lora, "--lora", other, "merged")
        self.assertEqual(self.heng("run", "merged", "?")[0], "Bern.\n")

    def test_what_cannot_be_merged_is_refused(self):
        (self.home / "full").mkdir()
        (self.home / "full" / "file").write_text("x")
        self.assertIn("not empty", self.refusal("merge", self.paris, "--lora", self.lora, "full",
                                                status=2))
        self.assertIn("--lora", self.refusal("merge", self.paris, "out", status=2))
        self.assertIn("whole model", self.refusal("merge", self.paris, "--lora", self.noise, "out",
                                                  status=3))
        self.assertIn("LoRA adapter", self.refusal("run", self.lora, "x", status=3))
        self.refusal("run", self.paris, "--lora", self.home / "absent", "x", status=3)
        self.assertFalse((self.home / "out").exists())


class Usage(program.Case):
    def test_help_of_every_command_has_examples(self):
        for command in ("chat", "run", "tokenize", "prompt", "show", "logits", "merge",
                        "bench"):
            out, err = self.heng(command, "--help")
            self.assertIn("heng " + command, out)
            self.assertIn("Examples:", out)
            self.assertEqual(err, "")
        self.assertIn("130 interrupted", self.heng("--help")[0])
        self.assertRegex(self.heng("--version")[0], r"^heng \d+\.\d+\.\d+\n$")

    def test_help_is_in_the_users_language(self):
        for args, env in ((["--lang", "zh"], {}), (["--lang=zh"], {}), ([], {"LANG": "zh_CN.UTF-8"}),
                          ([], {"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"})):
            self.assertIn("示例", self.heng("run", "--help", *args, env=env)[0])
        english, _ = self.heng("run", "--help", "--lang", "en", env={"LANG": "zh_CN.UTF-8"})
        self.assertIn("Examples", english)

    def test_wrong_usage_is_2(self):
        for args in (["--nonsense"], ["fly"], ["run"], ["run", self.paris, "x", "--nonsense"],
                     ["run", self.paris, "x", "--dtype", "int3"], ["run", self.paris, "x", "--threads", 0],
                     ["run", self.paris, "x", "--top-p", "1.5"], ["run", self.paris, "x", "--top-k", "a"],
                     ["run", self.paris, "x", "--greedy", "--sample"], ["show", self.paris, "--lang", "xx"],
                     ["prompt", self.paris], ["chat", self.paris],
                     ["run", self.paris, "x", "--ids", "y"], ["show", self.paris, "--ctx", 1 << 20]):
            self.refusal(*args, status=2)
        self.assertEqual(self.heng(status=2)[0], "")

    def test_errors_name_the_setting_and_its_range(self):
        err = self.refusal("run", self.paris, "x", "--top-p", "1.5", "--json", status=2)
        self.assertEqual(err, "error: top_p is 1.5, expected a number from 0 to 1.\n")

    def test_wrong_choice_lists_the_choices(self):
        err = self.refusal("show", self.paris, "--dtype", "int3", status=2)
        self.assertIn('--dtype: is "int3", expected auto|bf16|fp16|fp32|int8|int4.', err)

    def test_too_long_a_prompt_is_refused_with_the_figures(self):
        err = self.refusal("run", self.paris, "--raw", "x" * 300, "--ctx", 256, "--json", status=2)
        self.assertIn("300", err)
        self.assertIn("256", err)


class BadInput(program.Case):
    def test_missing_model_is_3(self):
        err = self.refusal("run", "no-such-model", "x", status=3)
        self.assertIn("no-such-model", err)
        self.assertIn("holds no model", err)

    def test_damaged_weights_are_3(self):
        broken = self.home / "broken"
        broken.mkdir()
        for file in self.paris.iterdir():
            os.symlink(file, broken / file.name)
        weights = (broken / "model.safetensors").read_bytes()
        (broken / "model.safetensors").unlink()
        (broken / "model.safetensors").write_bytes(weights[:-100])
        for args in (["run", broken, "x"], ["show", broken], ["logits", broken, "--ids", "i", "--npy", "o"]):
            (self.home / "i").write_text("1")
            self.assertIn("model.safetensors", self.refusal(*args, status=3))

    def test_ids_that_are_none_are_3(self):
        (self.home / "ids").write_text("1 2 three")
        err = self.refusal("run", self.paris, "--ids", "ids", "--json", status=3)
        self.assertIn("ids: word 3", err)
        self.refusal("run", self.paris, "--ids", "absent", "--json", status=3)

    def test_ids_outside_the_vocabulary_are_refused(self):
        (self.home / "ids").write_text("1 512")
        self.assertIn("512", self.refusal("run", self.paris, "--ids", "ids", "--json", status=2))

    def test_errors_cannot_drive_the_terminal(self):
        err = self.refusal("run", "\x1b[31mred", "x", status=3)
        self.assertNotIn("\x1b", err)


class ChatOnce(program.Case):
    def test_only_the_reply_is_on_standard_output(self):
        out, err = self.heng("chat", self.paris, "--prompt", "Where?")
        self.assertEqual(out, "Paris é.\n")
        self.assertNotIn("\x1b", err)

    def test_standard_input_asks_without_a_terminal(self):
        self.assertEqual(self.heng("chat", self.paris, text="Where?\n")[0], "Paris é.\n")

    def test_toy_model_is_named_as_one(self):
        toy = pathlib.Path(self.home / "SmolLM2-135M-toy")
        toy.symlink_to(self.paris)
        self.assertIn("small English model", self.heng("chat", toy, "--prompt", "x")[1])
        self.assertIn("英文小模型", self.heng("chat", toy, "--prompt", "x", "--lang", "zh")[1])
        self.assertNotIn("small English model", self.heng("chat", self.paris, "--prompt", "x")[1])


if __name__ == "__main__":
    program.main()

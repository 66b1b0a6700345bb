#!/usr/bin/env python3
"""heng chat at a terminal: lines, pastes, Ctrl-C, commands, history, languages."""
import json
import stat

import program
import tiny_qwen

UP, LEFT, CTRL_C, CTRL_D = "\x1b[A", "\x1b[D", "\x03", "\x04"


def paste(text):
    """What a terminal in bracketed paste mode sends."""
    return "\x1b[200~" + text.replace("\n", "\r") + "\x1b[201~"


class Chat(program.Case):
    def chat(self, *args, model=None, **options):
        return self.terminal("chat", model or self.paris, *args, **options)

    def leave(self, term):
        term.expect(program.PROMPT)
        term.send(CTRL_D)
        self.assertEqual(term.wait(), 0)

    def saved(self, term):
        """The conversation so far, through :save."""
        term.line(":save saved.json")
        term.expect("saved to saved.json, turns: ")
        return json.loads((self.home / "saved.json").read_text())["messages"]

    def test_answers_with_figures_and_keeps_the_conversation(self):
        term = self.chat()
        term.expect("paris · qwen")
        term.expect(":help for commands")
        term.line("Where?")
        term.expect(r"Paris é\.\r\n")
        term.expect(r"9 tokens · [\d.,]+ tokens/s · first after [\d.]+ m?s · context \d+/8,192")
        term.line("And now?")
        term.expect(r"Paris é\.")
        messages = self.saved(term)
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"] * 2)
        self.assertEqual(messages[2]["content"], "And now?")
        self.assertEqual(messages[3]["content"], "Paris é.")
        self.leave(term)

    def test_ctrl_c_stops_a_reply_and_a_second_one_leaves(self):
        term = self.chat("--ignore-eos", "--max-new-tokens", 8000)
        term.line("Where?")
        term.expect("Paris")
        term.send(CTRL_C)
        term.expect("stopped")
        term.expect(program.PROMPT)
        term.send(CTRL_C)
        term.expect("Ctrl-C again leaves")
        term.expect(program.PROMPT)
        term.send(CTRL_C)
        self.assertEqual(term.wait(), 0)

    def test_ctrl_c_gives_a_typed_line_up(self):
        term = self.chat()
        term.expect(program.PROMPT)
        term.send("never sent")
        term.expect("never sent")
        term.send(CTRL_C)
        term.line(":history")
        term.expect("nothing was said yet")
        self.leave(term)

    def test_pasted_lines_are_one_message(self):
        term = self.chat()
        term.expect(program.PROMPT)
        term.send(paste("first 你好\n\tsecond\n"))
        term.expect("second")
        term.send(" end\r")
        term.expect(r"Paris é\.")
        self.assertEqual(self.saved(term)[0]["content"], "first 你好\n    second end")
        self.leave(term)

    def test_pasted_commands_of_the_terminal_are_dropped(self):
        term = self.chat()
        term.expect(program.PROMPT)
        term.send("\x1b[200~a\x1b]0;title\x07b\x1b[201~\r")
        term.expect(r"Paris é\.")
        self.assertEqual(self.saved(term)[0]["content"], "a]0;titleb")
        self.leave(term)

    def test_long_messages_by_backslash_and_block(self):
        term = self.chat()
        term.line("one\\")
        term.line("two")
        term.expect(r"Paris é\.")
        term.line('"""three')
        term.line("")
        term.line('four"""')
        term.expect(r"Paris é\.")
        messages = self.saved(term)
        self.assertEqual(messages[0]["content"], "one\ntwo")
        self.assertEqual(messages[2]["content"], "three\n\nfour")
        self.leave(term)

    def test_lines_are_edited_and_remembered_for_the_user_alone(self):
        term = self.chat()
        term.line("Wher?" + LEFT + "e")
        term.expect(r"Paris é\.")
        self.assertEqual(self.saved(term)[0]["content"], "Where?")
        self.leave(term)
        file = self.home / ".local/state/heng/chat_history"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        term = self.chat()
        term.line(UP + UP)
        term.expect(r"Paris é\.")
        self.assertEqual(self.saved(term)[0]["content"], "Where?")
        self.leave(term)

    def test_history_goes_to_the_state_folder_of_the_environment(self):
        term = self.chat(env={"XDG_STATE_HOME": str(self.home / "state")})
        term.line("Where?")
        term.expect(r"Paris é\.")
        self.leave(term)
        self.assertTrue((self.home / "state/heng/chat_history").exists())

    def test_commands(self):
        term = self.chat()
        term.line(":help")
        for name in ("help", "exit", "clear", "clear-his", "history", "seed", "conf", "reset-conf",
                     "regen", "system", "think", "save", "load"):
            term.expect(":" + name)
        term.line("Where?")
        term.expect(r"Paris é\.")
        term.line(":regen")
        term.expect(r"Paris é\.")
        self.assertEqual(len(self.saved(term)), 2)
        term.line(":history")
        term.expect(r"Where\?")
        term.line(":clear-his")
        term.expect("turns forgotten: 1")
        term.line(":load saved.json")
        term.expect("loaded from saved.json, turns: 1")
        term.line(":system Be kind.")
        term.expect(r"system: Be kind\.")
        self.assertEqual(self.saved(term)[0], {"role": "system", "content": "Be kind."})
        term.line(":nonsense")
        term.expect("no command :nonsense")
        term.line(":exit")
        self.assertEqual(term.wait(), 0)

    def test_settings_change_check_and_go_back(self):
        term = self.chat()
        term.line(":conf top_p=0.25 max_new_tokens=3")
        term.expect(r"top_p +0\.25 +\*")
        term.line("Where?")
        term.expect(r"Par\r\n")
        term.expect("cut off after 3 tokens")
        term.line(":conf top_p=0.5 top_k=-3")
        term.expect("error:.* top_k is -3")
        term.line(":conf")
        term.expect(r"top_p +0\.25 +\*")  # all of a line or nothing
        term.line(":reset-conf")
        term.expect(r"top_p +0\.8  ")
        term.line(":seed 7")
        term.expect("seed 7")
        term.line(":seed none")
        term.expect("a new seed each time")
        self.leave(term)

    def test_a_failed_command_is_an_error_line_and_the_chat_goes_on(self):
        term = self.chat()
        (self.home / "notes.txt").write_text("dear diary")
        term.line(":save notes.txt")
        term.expect("error:.* no conversation")
        self.assertEqual((self.home / "notes.txt").read_text(), "dear diary")
        term.line(":load absent.json")
        term.expect(r"error:.* absent\.json")
        term.line(":save")
        term.expect("needs the name of a file")
        self.leave(term)

    def test_control_characters_of_a_reply_are_shown_not_obeyed(self):
        model = tiny_qwen.make(self.home / "hostile", reply="a\x1b[2Jb\x07")
        term = self.chat(model=model)
        term.line("?")
        term.expect("a␛\\[2Jb␇")
        self.leave(term)
        self.assertEqual(self.heng("chat", model, "--prompt", "?")[0], "a\x1b[2Jb\x07\n")

    def test_messages_follow_the_language(self):
        term = self.chat("--lang", "zh")
        term.expect("查看命令")
        term.line("?")
        term.expect("9 个词元")
        term.line(":help")
        term.expect("清除对话历史")
        self.leave(term)

    def test_chinese_is_typed_without_a_locale(self):
        term = self.chat(env={"LANG": "", "LC_ALL": ""})
        term.line("你好，世界")
        term.expect(r"Paris é\.")
        self.assertEqual(self.saved(term)[0]["content"], "你好，世界")
        self.leave(term)

    def test_a_thought_is_folded_shown_and_never_kept(self):
        model = tiny_qwen.make(self.home / "thinker", reply="<think>hm</think> Yes")
        term = self.chat("--template", "qwen3", model=model, env={"NO_COLOR": "1"})
        term.line("?")
        term.expect(r"thought for 2 tokens / [\d.]+ m?s")
        term.expect(r"Yes\r\n")
        self.assertNotIn("hm", term.output)
        term.line(":think show")
        term.expect("thoughts are shown")
        term.line("?")
        term.expect("hm")
        term.expect("thought for 2 tokens / ")
        term.expect(r"Yes\r\n")
        term.line(":think")
        term.expect("thinking is off")
        term.line(":think maybe")
        term.expect("error:.* expected on, off, show or fold")
        messages = self.saved(term)
        self.assertEqual(messages[1]["content"], "Yes")
        self.leave(term)
        term = self.chat()
        term.line(":think")
        term.expect("chat format qwen has no thoughts")
        self.leave(term)

    def test_no_color_means_no_colour(self):
        coloured, plain = self.chat(), self.chat(env={"NO_COLOR": "1"})
        for term in (coloured, plain):
            term.line("?")
            term.expect("tokens/s")
            self.leave(term)
        self.assertIn("\x1b[2m", coloured.output)
        self.assertNotIn("\x1b[2m", plain.output)

    def test_lines_of_the_program_fit_the_terminal(self):
        term = self.chat(columns=40)
        term.line("?")
        term.expect("tokens/s")
        self.leave(term)
        for line in term.output.split("\r\n")[:4]:
            self.assertLessEqual(len(line.replace("\x1b[2m", "").replace("\x1b[0m", "")), 40, line)

    def test_old_turns_make_room(self):
        term = self.chat("--ctx", 200)
        for _ in range(4):
            term.line("a question of some length")
            term.expect("tokens/s")
        self.assertRegex(term.output, "older turns? did not fit")
        self.leave(term)


if __name__ == "__main__":
    program.main()

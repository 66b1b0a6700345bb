#!/usr/bin/env python3
"""The web page of `heng serve` in Chromium: what people do with it, and what a reply must not do."""
import json
import os
import pathlib
import re
import time

import fake_provider
import program
import serving

serving.need_clients()
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

# Where set: pictures of the page are written there, to be looked at.
PICTURES = os.environ.get("HENG_PICTURES")

MARKDOWN = """# Title

**bold**, `code` and [a link](https://example.org/x).

| a | b |
| - | - |
| 1 | 2 |

```python
def f(x):
    return "text"  # comment
```

Inline $a^2 + b^2 = c^2$, \\(x_1\\), but $5 and $6 are prices.

$$\\int_0^1 x\\,dx = \\frac{1}{2}$$
"""

# Each would call alert(), load something from elsewhere or leave the page.
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>", "<iframe src='javascript:alert(1)'></iframe>",
    "<a href='javascript:alert(1)'>x</a>", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))", "[x](data:text/html,<script>alert(1)</script>)",
    "[x](&#106;avascript:alert(1))", "[x](vbscript:alert(1))", "<javascript:alert(1)>",
    "![x](http://127.0.0.1:1/spy.png)", "![x](https://evil.example/spy.png)",
    "![x\" onerror=\"alert(1)](https://evil.example/)", "[x](https://evil.example/\" onclick=\"alert(1))",
    "$\\href{javascript:alert(1)}{x}$", "$\\url{javascript:alert(1)}$",
    "$$\\htmlStyle{color:red}{x}$$", "$\\includegraphics{https://evil.example/a.png}$",
    "$\\text{<img src=x onerror=alert(1)>}$", "$<script>alert(1)</script>$",
    "$\\def\\a{\\a\\a}\\a$", "```\"><script>alert(1)</script>\ncode\n```",
    "```html\n<script>alert(1)</script>\n```", "`<script>alert(1)</script>`",
    "<style>@import url(https://evil.example/a.css)</style>", "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>", "<base href=https://evil.example>",
    "<form action=https://evil.example><button>x</button></form>", "<object data=//evil.example></object>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "<details open ontoggle=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<input autofocus onfocus=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->", "<x/onpointerenter=alert(1)>y", "# <b onclick=alert(1)>h</b>",
    "| <img src=x onerror=alert(1)> |\n| - |\n| <script>alert(1)</script> |",
    "<template><script>alert(1)</script></template>", "<video><source onerror=alert(1)></video>",
    "[a]: javascript:alert(1)\n\n[a]", "- [ ] <img src=x onerror=alert(1)>",
]


class Page(program.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._home = pathlib.Path(program.tempfile.mkdtemp(prefix="heng-page-"))
        cls.fake = fake_provider.FakeProvider()
        cls.server = serving.Server(cls._home, cls.paris, "--ctx", 2048, "--votes", cls._home / "votes.db",
                                    "--provider", cls.fake.option("far"),
                                    "--provider", cls.fake.option("near"))
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                         f"--user-data-dir={cls._home / 'chromium'}", "--lang=en-US",
                         "--window-size=1280,860", "--force-prefers-reduced-motion"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        cls.browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        status = cls.server.stop()
        cls.fake.close()
        program.shutil.rmtree(cls._home, ignore_errors=True)
        if status != 0:
            raise AssertionError(f"heng serve ended with {status}: {''.join(cls.server.log[-20:])}")

    def setUp(self):
        super().setUp()
        self.fake.hold.set()
        self.fake.requests.clear()
        self.browser.set_window_size(1280, 860)
        self.open()
        self.run_script("localStorage.clear(); sessionStorage.clear();")
        self.browser.execute_async_script(
            "const done = arguments[0]; const r = indexedDB.deleteDatabase('heng');"
            "r.onsuccess = r.onerror = r.onblocked = () => done();")
        self.open()

    def tearDown(self):
        self.stays_at_home()

    # What tests do -------------------------------------------------------------------------------

    def open(self, path="/"):
        self.browser.get(self.server.url + path)
        self.until(lambda: self.all("#chosen select"))

    def run_script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition()
                if value:
                    return value
            except Exception:  # noqa: BLE001  # an element that is drawn anew at this moment
                if time.monotonic() > end:
                    raise
            if time.monotonic() > end:
                raise AssertionError("it did not come to that: " + self.text("body"))
            time.sleep(0.03)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def click(self, selector):
        self.run_script("document.querySelector(arguments[0]).click()", selector)

    def choose(self, name, place=0):
        Select(self.all("#chosen select")[place]).select_by_value(name)

    def keys(self, *keys):
        webdriver.ActionChains(self.browser).send_keys(*keys).perform()

    def ask(self, question, wait=True):
        box, n = self.one("#question"), len(self.all(".question"))
        self.run_script("arguments[0].value = arguments[1]", box, question)
        box.send_keys(Keys.ENTER)
        self.until(lambda: len(self.all(".question")) == n + 1)
        if wait:
            self.until(self.idle)

    def idle(self):
        return self.run_script("return document.querySelector('#stop').hidden && "
                               "document.querySelectorAll('.reply').length > 0 && "
                               "!document.querySelector('.reply.running')")

    def replies(self):
        return self.run_script("return [...document.querySelectorAll('.reply .text')].map(e => e.innerText.trim())")

    def picture(self, name):
        if PICTURES:
            self.browser.save_screenshot(f"{PICTURES}/{name}.png")

    def stays_at_home(self):
        """No request left the server's origin, no script stood where none may."""
        home = self.server.url
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                self.assertTrue(url.startswith((home + "/", "data:", "blob:", "chrome:")), url)
        for entry in self.browser.get_log("browser"):
            self.assertNotIn("Content Security Policy", entry["message"])
            self.assertNotIn("Uncaught", entry["message"])

    def no_sideways_scroll(self):
        width = self.run_script("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(width[0], width[1])
        wide = self.run_script(
            "return [...document.querySelectorAll('main > *, main header *, .reply, .question')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.offsetParent)"
            ".map(e => e.outerHTML.slice(0, 80))")
        self.assertEqual(wide, [])

    # A conversation ------------------------------------------------------------------------------

    def test_a_model_of_this_server_answers(self):
        self.ask("Where?")
        self.assertEqual(self.replies(), ["Paris é."])
        self.assertRegex(self.text(".figures"), r"9 tokens · [\d.]+ tokens/s · first after [\d.]+ s")
        self.assertRegex(self.text("#meter"), r"\d+/2,048")

    def test_a_reply_streams_and_is_stopped_by_escape(self):
        self.fake.replies["slow"] = ["one ", "two ", "three"]
        self.fake.hold.clear()
        self.choose("far")
        self.ask("slow", wait=False)
        self.until(lambda: self.replies() == ["one"])
        self.assertTrue(self.one("#stop").is_displayed())
        self.keys(Keys.ESCAPE)
        self.until(self.idle)
        self.assertEqual(self.replies(), ["one"])
        self.assertIn("stopped", self.text(".figures"))
        self.fake.hold.set()
        self.ask("next")
        self.assertEqual([m["content"] for m in self.fake.requests[-1]["messages"]],
                         ["slow", "one ", "next"])

    def test_regenerate_and_edit(self):
        self.choose("far")
        self.ask("first")
        self.ask("second")
        self.fake.replies["second"] = "another"
        self.click(".columns:last-child .regenerate")
        self.until(lambda: self.replies()[-1:] == ["another"])
        self.until(self.idle)
        self.assertEqual(len(self.fake.requests[-1]["messages"]), 3)
        self.click(".question .edit")
        area = self.one(".question textarea")
        area.clear()
        area.send_keys("changed", Keys.ENTER)
        self.until(lambda: self.replies() == ["model-of-far heard: changed"])
        self.until(self.idle)
        self.assertEqual(len(self.all(".question")), 1)
        del self.fake.replies["second"]

    def test_history_outlives_a_reload(self):
        self.choose("far")
        self.ask("about apples")
        self.until(lambda: len(self.all("#conversations .open")) == 1)
        self.click("#new")
        self.ask("about pears")
        self.until(lambda: len(self.all("#conversations .open")) == 2)
        self.open()
        self.until(lambda: self.replies() == ["model-of-far heard: about pears"])
        webdriver.ActionChains(self.browser).key_down(Keys.ALT).send_keys(Keys.ARROW_DOWN).key_up(
            Keys.ALT).perform()
        self.until(lambda: self.replies() == ["model-of-far heard: about apples"])
        self.one("#search").send_keys("pears")
        self.until(lambda: len(self.all("#conversations .open")) == 1)
        self.one("#search").clear()
        self.one("#search").send_keys("a")
        self.until(lambda: len(self.all("#conversations .open")) == 2)
        self.click("#conversations li:first-child .tools button")
        self.keys("Fruit", Keys.ENTER)  # over the old name, which is selected
        self.until(lambda: "Fruit" in self.text("#conversations"))
        self.run_script("window.confirm = () => true")
        self.click("#conversations li:last-child .tools button:last-child")
        self.until(lambda: len(self.all("#conversations .open")) == 1)
        self.open()
        self.until(lambda: self.text("#conversations .open") == "Fruit")

    def test_settings_are_sent(self):
        self.choose("far")
        self.click("#open-settings")
        for key, value in {"temperature": "0.3", "top_p": "0.5", "max_tokens": "77", "seed": "5",
                           "presence_penalty": "0.5"}.items():
            field = self.one(f"#set-{key}")
            field.send_keys(value, Keys.TAB)
        self.one("#set-stop").send_keys("END", Keys.TAB)
        self.one("#set-system").send_keys("Be brief.", Keys.TAB)
        self.picture("settings")
        self.ask("hello")
        body = self.fake.requests[-1]
        self.assertEqual({k: body[k] for k in ("temperature", "top_p", "max_tokens", "seed", "stop",
                                               "presence_penalty")},
                         {"temperature": 0.3, "top_p": 0.5, "max_tokens": 77, "seed": 5, "stop": ["END"],
                          "presence_penalty": 0.5})
        self.assertEqual(body["messages"][0], {"role": "system", "content": "Be brief."})

    def test_settings_tell_the_model_s_own_defaults(self):
        self.click("#open-settings")
        self.assertEqual(self.one("#set-top_p").get_attribute("placeholder"), "0.8")
        self.assertEqual(self.one("#set-repetition_penalty").get_attribute("placeholder"), "1.1")
        self.one("#set-max_tokens").send_keys("3", Keys.TAB)
        self.ask("Where?")
        self.assertEqual(self.replies(), ["Par"])
        self.assertIn("cut off by the length limit", self.text(".figures"))

    # What a reply looks like ---------------------------------------------------------------------

    def test_markdown_formulas_and_code(self):
        self.fake.replies["markdown"] = re.findall(r"[\s\S]{1,5}", MARKDOWN)
        self.choose("far")
        self.ask("markdown")
        self.assertEqual(self.text(".text h1"), "Title")
        self.assertEqual(self.text(".text td"), "1")
        self.assertEqual(self.text(".code .hljs-keyword"), "def")
        self.assertEqual(len(self.all(".text .katex")), 3)
        self.assertEqual(len(self.all(".text .katex-display")), 1)
        self.assertIn("$5 and $6 are prices", self.text(".text"))
        link = self.one(".text a")
        self.assertEqual(link.get_attribute("rel"), "noopener noreferrer nofollow")
        self.assertIn("example.org", link.get_attribute("title"))
        self.run_script("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
        self.click(".copy-code")
        self.until(lambda: self.run_script("return window.copied") ==
                   'def f(x):\n    return "text"  # comment')
        self.run_script("document.fonts.load('16px KaTeX_Main')")
        self.picture("markdown-light")
        self.run_script("document.documentElement.dataset.theme = 'dark'")
        self.picture("markdown-dark")

    def test_thoughts_are_folded_away(self):
        self.fake.replies["think"] = [{"reasoning_content": "hm hm"}, "Yes"]
        self.choose("far")
        self.ask("think")
        self.assertEqual(self.replies(), ["Yes"])
        self.assertIsNone(self.one(".thought").get_attribute("open"))
        self.assertEqual(self.text(".thought summary"), "Thought")

    def test_nothing_that_a_reply_says_runs(self):
        self.run_script("window.alerts = 0; for (const n of ['alert', 'confirm', 'prompt'])"
                        "  window[n] = () => { ++window.alerts; }; window.mine = true;")
        self.choose("far")
        for start in range(0, len(HOSTILE), 15):
            some = HOSTILE[start:start + 15]
            # Cut at every third character, so that half of each stands alone for a moment.
            self.fake.replies["attack"] = re.findall(r"[\s\S]{1,3}", "\n\n".join(some))
            self.ask("attack")
        self.fake.replies["alone"] = ""
        for payload in HOSTILE:
            nodes = self.run_script(
                "return import('/page/markdown.js').then(({markdown}) => { const d = document.createElement('div');"
                "document.body.append(d); d.append(markdown(arguments[0], true)); const bad = [...d.querySelectorAll("
                "'script,img,iframe,object,embed,link,meta,base,form,style,video,template,noscript')].length"
                " + [...d.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/i.test(a.name) ||"
                " /^\\s*(javascript|data|vbscript):/i.test(a.value))).length;"
                "for (const a of d.querySelectorAll('a')) if (!/^(https?|mailto):/.test(a.href)) throw a.href;"
                "d.remove(); return bad; })", payload)
            self.assertEqual(nodes, 0, payload)
        time.sleep(0.2)
        self.assertEqual(self.run_script("return [window.alerts, window.mine, location.pathname]"),
                         [0, True, "/"])
        self.assertEqual(self.run_script("return [...document.querySelectorAll('.text *')].filter(e => "
                                         "[...e.attributes].some(a => a.name.startsWith('on'))).length"), 0)

    def test_what_people_type_is_text(self):
        self.choose("far")
        self.ask("<img src=x onerror=alert(1)><b>x</b>")
        self.assertEqual(self.text(".question .said"), "<img src=x onerror=alert(1)><b>x</b>")
        self.assertEqual(self.all("#conversations b"), [])
        self.open("/?q=%3Cb%3Enot%20sent%3C%2Fb%3E")
        self.assertEqual(self.one("#question").get_property("value"), "<b>not sent</b>")
        self.assertEqual(len(self.fake.requests), 1)

    def test_the_policy_refuses_scripts_and_html_from_strings(self):
        refused = self.run_script("""
            let n = 0;
            try { document.body.innerHTML = '<b>x</b>'; } catch { ++n; }
            try { document.createElement('script').src = '/x.js'; } catch { ++n; }
            return n;""")
        self.assertEqual(refused, 2)
        self.browser.get_log("browser")  # which tells of these two

    # Looks and languages -------------------------------------------------------------------------

    def test_language_and_theme(self):
        self.click("#open-settings")
        Select(self.one("#set-language")).select_by_value("zh")
        self.until(lambda: self.text("#new") == "新对话")
        self.assertEqual(self.run_script("return document.documentElement.lang"), "zh-CN")
        light = self.run_script("return getComputedStyle(document.body).backgroundColor")
        Select(self.one("#set-theme")).select_by_value("dark")
        dark = self.run_script("return getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(light, dark)
        self.choose("far")
        self.fake.replies["三角形"] = "第三条边一定**小于** $4 + 7 = 11$ 厘米，所以最长可能是 10 厘米。"
        self.ask("三角形")
        self.picture("chinese-dark")
        self.open()
        self.until(lambda: self.text("#new") == "新对话")
        self.assertEqual(self.run_script("return getComputedStyle(document.body).backgroundColor"), dark)

    def test_phones(self):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 375, "height": 760, "deviceScaleFactor": 1, "mobile": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.open()
        self.no_sideways_scroll()
        self.picture("phone-empty")
        self.fake.replies["wide"] = MARKDOWN + "\n```\n" + "x" * 300 + "\n```\n" + "long" * 100
        self.choose("far")
        self.ask("wide")
        self.no_sideways_scroll()
        self.picture("phone")
        self.click("#open-history")
        self.until(lambda: self.one("#search").is_displayed())
        self.picture("phone-history")
        self.click("#close-history")
        self.click("#side-by-side")
        self.ask("both")
        self.no_sideways_scroll()
        self.click("#open-settings")
        self.no_sideways_scroll()

    def test_keys_alone(self):
        self.run_script("document.activeElement.blur()")
        self.keys("/")
        self.keys("Where?", Keys.ENTER)
        self.until(self.idle)
        self.assertEqual(self.replies(), ["Paris é."])
        reached = set()
        for _ in range(40):
            self.keys(Keys.TAB)
            focus = self.run_script("""
                const e = document.activeElement, s = getComputedStyle(e);
                return [e.id || e.className || e.tagName, e.ariaLabel || e.innerText || e.placeholder || e.title || "",
                        s.outlineStyle !== 'none' || e.id === 'question' || e === document.body]""")
            reached.add(focus[0])
            self.assertTrue(focus[2], f"no focus is seen on {focus[0]}")
            if focus[0] != "BODY":
                self.assertTrue(focus[1].strip(), f"{focus[0]} has no name")
        for name in ("new", "search", "open-settings", "side-by-side", "send", "edit", "regenerate"):
            self.assertIn(name, reached)

    # Side by side --------------------------------------------------------------------------------

    def begin_side_by_side(self):
        self.click("#side-by-side")
        self.until(lambda: len(self.all("#chosen select")) == 2)
        self.choose("far", 1)
        self.choose("near", 0)

    def test_blind_vote_and_table(self):
        self.begin_side_by_side()
        self.fake.hold.clear()
        self.fake.replies["both"] = ["an ", "answer"]
        self.ask("both", wait=False)
        self.until(lambda: self.replies() == ["an", "an"])
        self.assertFalse(self.one("#vote").is_displayed())
        self.fake.hold.set()
        self.until(self.idle)
        self.assertEqual(self.replies(), ["an answer"] * 2)
        # Before the vote nothing on the page or in what it keeps tells the columns apart.
        self.assertEqual([e.text for e in self.all(".who")], ["Model A", "Model B"])
        kept = self.run_script("return document.querySelector('#conversation').outerHTML")
        for name in ("far", "near", "tokens/s"):
            self.assertNotIn(name, kept)
        self.picture("blind")
        self.click("#vote [data-choice='1']")
        self.until(lambda: "far" in self.text("#conversation") and "near" in self.text("#conversation"))
        self.assertIn("✓", self.all(".who")[0].text)
        winner = re.search(r"far|near", self.all(".who")[0].text)[0]
        self.picture("voted")
        for choice in ("tie", "bad", "skip"):
            self.ask("both")
            self.click(f"#vote [data-choice='{choice}']")
            self.until(lambda: not self.one("#vote").is_displayed())
        # A new round begins anew.
        self.assertEqual(len(self.fake.requests[-1]["messages"]), 1)
        self.click("#open-table")
        self.until(lambda: len(self.all("#votes tbody tr")) == 2)
        self.assertEqual(self.text("#votes h2"), "3 votes")
        self.assertIn(winner, self.text("#votes tbody tr"))
        self.picture("table")

    def test_names_are_shown_where_they_are_not_hidden(self):
        self.begin_side_by_side()
        self.click("#chosen .blind input")
        self.ask("hi")
        self.assertEqual([e.text for e in self.all(".who")], ["near", "far"])
        self.assertEqual(self.replies(), ["model-of-near heard: hi", "model-of-far heard: hi"])
        self.assertFalse(self.one("#vote").is_displayed())
        self.ask("again")
        self.assertEqual(len(self.fake.requests[-1]["messages"]), 3)

    def test_three_columns_with_a_model_of_this_server(self):
        self.begin_side_by_side()
        self.click("#chosen > button")
        self.until(lambda: len(self.all("#chosen select")) == 3)
        self.ask("hi")
        self.assertEqual(len(self.replies()), 3)
        self.assertIn("Paris é.", self.replies())
        self.picture("three")

    # What goes wrong -----------------------------------------------------------------------------

    def test_errors_are_said(self):
        self.fake.replies["broken"] = [{"content": 5}]
        self.choose("far")
        self.click("#open-settings")
        self.one("#set-max_tokens").send_keys("99999", Keys.TAB)
        self.choose("paris")
        self.ask("Where?")
        self.assertIn("2,048", self.text(".reply .error"))

    def test_key(self):
        server = self.serve_with_key()
        self.browser.get(server.url)
        self.until(lambda: self.all("#set-key"))
        self.one("#set-key").send_keys("sesame", Keys.TAB)
        self.until(lambda: self.all("#chosen select"))
        self.ask("Where?")
        self.assertEqual(self.replies(), ["Paris é."])
        self.browser.get_log("performance")  # of another origin than the others
        self.browser.get_log("browser")

    def serve_with_key(self):
        server = serving.Server(self.home, self.paris, "--api-key", "sesame")
        self.addCleanup(server.stop)
        return server


if __name__ == "__main__":
    program.main()

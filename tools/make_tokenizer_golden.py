#!/usr/bin/env python3
"""Writes tests/text/data/<name>/: small tokenizers in the layout of published ones, and what `tokenizers` makes of texts.

Usage: tools/make_tokenizer_golden.py [OUT]      (needs: pip install tokenizers==0.21.4 transformers==4.51.3)

Folders:
  qwen2         tokenizer.json as Qwen2.5 has it (NFC, its pattern, merges as "a b", added tokens behind the vocabulary)
  qwen2_files   the same as vocab.json + merges.txt, read through transformers' Qwen2TokenizerFast; Qwen2Tokenizer (slow) agrees
  llama3        ignore_merges, digits by three, merges as ["a", "b"], a token in front by TemplateProcessing
  smollm2       special tokens inside the vocabulary, Digits, some bytes without a token
  gpt2_prefix   ByteLevel that puts a space in front; an added token that is looked for in normalised text
  llama2        U+2581 for spaces, byte_fallback, Prepend and Replace
  llama2_first  the same with Metaspace, prepend_scheme "first"

encode.jsonl rows: "text" or "bytes" (hex, not UTF-8: read as errors="replace"), "ids" with added tokens parsed, "plain_ids" of
the same tokenizer without any added tokens, "decoded" and "skipped" (skip_special_tokens). No token is put in front.
The training text below was written for this purpose.
"""

import json
import pathlib
import random
import sys
import unicodedata

import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"\p{N}| ", r"\p{N}{1,3}| ")
MARK = "\u2581"

TRAINING = """
The little boat went down the river and the people on the bridge waved at it until it was gone.
It's a long way, they said, and she won't be back before the snow; we'll see, I've heard that before.
Nobody could tell how many days had passed: three, thirty, or 333? The clock had stopped at 12:45.
In the morning the river was quiet, the birds were singing and the town was still asleep.
def add(left, right):
    total = left + right
    return total  # the sum of both
for (int i = 0; i < 10; ++i) { printf("%d\\n", i); }
小船顺着河水漂下去，桥上的人们向它挥手，直到再也看不见。
他们说路很远，下雪以前她回不来。我们等着看吧，这样的话我听过很多次了。
没有人知道过了多少天：三天、三十天，还是三百三十三天？时钟停在十二点四十五分。
早上，河面很安静，鸟儿在唱歌，小城还在睡觉。今天天气很好，我们去河边走一走。
Le café était fermé, mais où était donc passé le garçon ? Ça m’étonne, dit-elle, à peine émue.
Маленькая лодка плыла вниз по реке, и люди на мосту махали ей рукой.
小さな船が川を下っていった。橋の上の人たちは手を振っていた。
작은 배가 강을 따라 내려갔다. 다리 위의 사람들이 손을 흔들었다.
😀 😃 🎉🎉 👍🏽 — “quotes” … and signs: +-*/=<>[]{}()!?.,;:
    four spaces, then	a tab,  two spaces   and three
"""

TEXTS = [
    "", " ", "  ", "a", " a", "a ", "  a  b   c    d     ", "\n", "\r\n", "\n\n \n\t\n", " \n a", "\t\tx\t y", "a\n\n\n",
    "The little boat went down the river.", "the river  and   the    bridge", "Hello world! How are you?",
    "It's John's, they'RE we'Ll I'VE can'T 's 'S'd 'x", "it\u2019s \u2018so\u2019", "don''t '' '", "THE RIVER'S",
    "12345 3.14159 1,000,000 v2.0b7", "\u0663\u0664\u0665 \u00b2\u00b3 \u2167 \u00bd \u4e00\u4e8c\u4e09", "\uff11\uff12\uff13",
    "小船顺着河水漂下去，桥上的人们向它挥手。", "今天天气很好，我们去河边走一走。abc中文123中文", "你好，世界！ 你 好\u3000世\u3000界",
    "繁體中文與簡體中文 𠮷野家 㐀㐁", "“引号”《书名》——破折号……", "小さな船が川を下っていった。", "작은 배가 강을 따라 내려갔다.", "Маленькая лодка",
    "caf\u00e9 cafe\u0301 \u00c5 A\u030a \u212b", "e\u0301\u0300\u0323 o\u0323\u0301", "\u1100\u1161\u11a8 \uac01", "\u0958 \u0915\u093c",
    "x\u0338 >\u0338 <\u0338", "\u0301alone", "ﬁ ﬂ ½ ① ㎏", "\u2126 \u00b5 \u03bc", "\ufb1d \u05d9\u05b4",
    "😀 😃 🎉🎉 👍🏽 👨‍👩‍👧 🇨🇳", "😀text🎉", "\u200b\u200d\ufeff\u00ad", "\u0000\u0001\u001f\u007f\u0085\u00a0", "\u2028\u2029\u180e\u3000",
    "def add(left, right):\n    total = left + right\n    return total\n", "if (x >= 10 && y != 3) { return x[y]; } // done",
    "https://example.org/a?b=c&d=%20#e", "a_b-c.d/e\\f|g", "!!!???...---===***", "{\"key\": [1, 2, 3]}", "$5.00 + €3 = ¥?", "<>", "<|", "|>",
    "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n", "a<|im_end|>b", " <|im_end|> ", "<|im_end|><|im_end|>", "<|im_end|",
    "<|im_end|>\u0338", "e<|im_end|>\u0301", "<|endoftext|>", "<|begin_of_text|>x<|eot_id|>", "<tool_call>{}</tool_call>", "<|IM_END|>",
    "<s>a</s> b<unk>", "<s> a </s>", "a<s>b", " <s>", "<0x41><0x0A>", "▁a ▁ b▁", "▁", " ▁▁ ", "née nee\u0301 n\u00e9e", "[Key] [\u212aey] [key]",
    "the" * 40, " " * 70 + "x", "\n" * 33, "!" * 50, "7" * 23, "河" * 30, "aaaaaaaaaaaaaaaa", "-" * 64, "=" * 61 + " ",
]
BROKEN = ["ff", "61ff62", "e4bd", "e4bda0e5a5", "f09f98", "c0af", "eda080", "80", "f8888080", "61e4bd3c7c696d5f656e647c3e"]


def added(content, special=True, normalized=False):
    return AddedToken(content, special=special, normalized=normalized)


def byte_level(size, splits, normalizer=None, prefix_space=False, use_regex=False, alphabet=True):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, level]) if splits else level
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    chars = pre_tokenizers.ByteLevel.alphabet() if alphabet else []
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=chars, show_progress=False)
    tokenizer.train_from_iterator(TRAINING.splitlines(keepends=True), trainer)
    return tokenizer


def qwen2():
    t = byte_level(700, [pre_tokenizers.Split(Regex(QWEN2), "isolated")], normalizers.NFC())
    t.add_tokens([added(c) for c in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")] +
                 [added(c, special=False) for c in ("<tool_call>", "</tool_call>")])
    return t


def llama3():
    t = byte_level(640, [pre_tokenizers.Split(Regex(LLAMA3), "isolated")])
    t.add_special_tokens([added(c) for c in ("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>")])
    bos = t.token_to_id("<|begin_of_text|>")
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                                      special_tokens=[("<|begin_of_text|>", bos)]),
    ])
    data = json.loads(t.to_str())
    data["model"]["ignore_merges"] = True
    data["model"]["merges"] = data["model"]["merges"][:-60]  # so that some tokens only come out whole
    return Tokenizer.from_str(json.dumps(data))


def smollm2():
    t = byte_level(600, [pre_tokenizers.Digits(individual_digits=True)], use_regex=True, alphabet=False)
    data = json.loads(t.to_str())
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocab = {name: i for i, name in enumerate(names)}
    for token, i in data["model"]["vocab"].items():
        vocab[token] = i + len(names)
    data["model"]["vocab"] = vocab
    data["added_tokens"] = [{"id": i, "content": n, "single_word": False, "lstrip": False, "rstrip": False,
                             "normalized": False, "special": True} for i, n in enumerate(names)]
    return Tokenizer.from_str(json.dumps(data))


def gpt2_prefix():
    t = byte_level(500, [], normalizers.Sequence([normalizers.NFC()]), prefix_space=True, use_regex=True)
    t.add_special_tokens([added("<|endoftext|>")])
    t.add_tokens([added("[\u212aey]", special=False, normalized=True), added("<tool_call>", special=False)])
    return t


def llama2(first=False):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=specials, show_progress=False)
    t.train_from_iterator([l for l in TRAINING.splitlines() for _ in (0, 1)] + ["  a", "    b", "-- --- ---- aa aaa aaaa"] * 3, trainer)
    data = json.loads(t.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    model = data["model"]
    model.update(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    # Pairs of equal characters and runs of spaces, which merging by score could take in another order.
    for pair in [(MARK, MARK), (MARK + MARK, MARK + MARK), (MARK + MARK, MARK), (MARK, MARK + MARK), ("-", "-"), ("--", "-"), ("-", "--")]:
        model["vocab"].setdefault("".join(pair), len(model["vocab"]))
        if list(pair) not in [list(m) for m in model["merges"]]:
            model["merges"].append(list(pair))
    if first:
        data["pre_tokenizer"] = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
    else:
        data["pre_tokenizer"] = None
        data["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]}
    data["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    data["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                                      {"Sequence": {"id": "A", "type_id": 0}}],
                              "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                              "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    return Tokenizer.from_str(json.dumps(data))


def plain(tokenizer):
    """The same without added tokens: what SpecialText::kPlain means. Their ids go, so only encoding makes sense."""
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = []
    data["post_processor"] = None
    return Tokenizer.from_str(json.dumps(data))


def texts():
    pieces = TRAINING.split() + ["  ", "\n", "\t", " ", "<|im_end|>", "</s>", "é", "e\u0301", "\u0323", "7", "42", "'s", "😀", "河"]
    rng = random.Random(7)
    mixed = ["".join(rng.choice(pieces) + rng.choice(["", " ", "  "]) for _ in range(rng.randrange(2, 14))) for _ in range(60)]
    return TEXTS + [l for l in TRAINING.splitlines() if l] + mixed


def rows(tokenizer):
    bare = plain(tokenizer)
    inputs = [({"text": t}, t) for t in texts()]
    inputs += [({"bytes": h}, bytes.fromhex(h).decode("utf-8", errors="replace")) for h in BROKEN]
    for row, text in inputs:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        plain_ids = bare.encode(text, add_special_tokens=False).ids
        row["ids"] = ids
        if plain_ids != ids:
            row["plain_ids"] = plain_ids
        row["decoded"] = tokenizer.decode(ids, skip_special_tokens=False)
        skipped = tokenizer.decode(ids, skip_special_tokens=True)
        if skipped != row["decoded"]:
            row["skipped"] = skipped
        yield row


CONFIGS = {
    "qwen2": {"add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None,
              "additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "tokenizer_class": "Qwen2Tokenizer"},
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "tokenizer_class": "PreTrainedTokenizerFast"},
    "smollm2": {"add_prefix_space": False, "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>",
                "tokenizer_class": "GPT2Tokenizer"},
    "gpt2_prefix": {"eos_token": "<|endoftext|>", "tokenizer_class": "PreTrainedTokenizerFast"},
    "llama2": {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
               "tokenizer_class": "LlamaTokenizer"},
    "llama2_first": {"add_bos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False,
                     "tokenizer_class": "LlamaTokenizer"},
}


def decoder_table(tokenizer):
    return {str(i): {"content": t.content, "lstrip": t.lstrip, "normalized": t.normalized, "rstrip": t.rstrip,
                     "single_word": t.single_word, "special": t.special}
            for i, t in sorted(tokenizer.get_added_tokens_decoder().items())}


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")


def write_rows(folder, all_rows):
    with open(folder / "encode.jsonl", "w", encoding="utf-8") as out:
        for row in all_rows:
            out.write(json.dumps(row, separators=(",", ":")) + "\n")


def write_qwen2_files(out, tokenizer):
    """vocab.json and merges.txt: read by transformers in both ways, which must agree with `tokenizer`."""
    folder = out / "qwen2_files"
    folder.mkdir(parents=True, exist_ok=True)
    model = json.loads(tokenizer.to_str())["model"]
    write_json(folder / "vocab.json", model["vocab"])
    lines = ["#version: 0.2"] + [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"added_tokens_decoder": decoder_table(tokenizer), **CONFIGS["qwen2"]})
    fast = transformers.Qwen2TokenizerFast.from_pretrained(folder)
    slow = transformers.Qwen2Tokenizer.from_pretrained(folder)
    all_rows = []
    for row in rows(tokenizer):
        text = row.get("text", bytes.fromhex(row.get("bytes", "")).decode("utf-8", errors="replace"))
        assert fast(text)["input_ids"] == row["ids"], text
        # The slow class normalises before it looks for names: a mark behind one differs.
        if unicodedata.normalize("NFC", text.replace("<|im_end|>", "\x00")) == unicodedata.normalize("NFC", text).replace("<|im_end|>", "\x00"):
            assert slow(text)["input_ids"] == row["ids"], text
        all_rows.append(row)
    write_rows(folder, all_rows)


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "tests/text/data")
    makers = {"qwen2": qwen2, "llama3": llama3, "smollm2": smollm2, "gpt2_prefix": gpt2_prefix, "llama2": llama2,
              "llama2_first": lambda: llama2(first=True)}
    for name, make in makers.items():
        tokenizer = make()
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        data = json.loads(tokenizer.to_str())
        if name in ("qwen2", "smollm2"):  # as tokenizers before 0.20 wrote them
            data["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
        write_json(folder / "tokenizer.json", data)
        write_json(folder / "tokenizer_config.json", {"added_tokens_decoder": decoder_table(tokenizer), **CONFIGS[name]})
        write_rows(folder, rows(Tokenizer.from_file(str(folder / "tokenizer.json"))))
        if name == "qwen2":
            write_qwen2_files(out, tokenizer)
    made = {"made_by": "tools/make_tokenizer_golden.py", "tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
    write_json(out / "made_by.json", made)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Merges reference adapters with the built program and holds the folders against transformers.

usage: check_merge.py [--heng build/heng] [--golden ../shared/golden]

For every reference with adapters (golden/ref/*/cases.json with "base"): `heng merge`, then transformers loads
what was written, tokenizer and weights, computes in fp32, and must give the stored scores (within 1e-4) and
greedy ids. Needs torch, transformers, sentencepiece and numpy, so it is run by hand. Exit status 1 where
anything falls short.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

TOLERANCE = 1e-4


def check_case(case, ref, model, tokenizer):
    """A line on what was found, and whether it is right."""
    ids = case["input_ids"]
    if tokenizer(case["text"]).input_ids != ids:
        return f"{case['name']}: the tokenizer gives other ids", False
    if case["kind"] == "greedy":
        with torch.no_grad():
            out = model.generate(torch.tensor([ids]), max_new_tokens=len(case["new_ids"]), do_sample=False,
                                 eos_token_id=None, pad_token_id=0)
        good = out[0, len(ids):].tolist() == case["new_ids"]
        return f"{case['name']}: greedy ids {'equal' if good else 'differ'}", good
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    worst = max(np.abs(logits[:, ::case["column_stride"]] - np.load(ref / case["logits_every_7th_column"])).max(),
                np.abs(logits[-1] - np.load(ref / case["last_logits"]).reshape(-1)).max())
    return f"{case['name']}: logits within {worst:.2g}", worst <= TOLERANCE


def check_reference(heng, golden, ref, out):
    spec = json.loads((ref / "cases.json").read_text())
    adapters = [golden / "models" / name for name in spec["loras_in_order"]]
    flags = [word for adapter in adapters for word in ("--lora", adapter)]
    subprocess.run([heng, "merge", golden / "models" / spec["base"], *flags, out], check=True,
                   stdout=subprocess.DEVNULL)
    model = transformers.AutoModelForCausalLM.from_pretrained(out, torch_dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(out, use_fast=False)
    right = model.config.vocab_size == spec["vocab_size"] == len(tokenizer)
    print(f"{ref.name}: vocabulary {model.config.vocab_size}, tokenizer {len(tokenizer)}")
    for case in spec["cases"]:
        if case["kind"] not in ("prefill", "greedy"):
            continue
        line, good = check_case(case, ref, model, tokenizer)
        right &= good
        print(f"  {line}")
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heng", default="build/heng")
    parser.add_argument("--golden", type=pathlib.Path, default=pathlib.Path("../shared/golden"))
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    refs = [r for r in sorted((args.golden / "ref").iterdir()) if "base" in json.loads((r / "cases.json").read_text())]
    results = []
    for ref in refs:
        with tempfile.TemporaryDirectory() as folder:
            results.append(check_reference(args.heng, args.golden, ref, pathlib.Path(folder) / "merged"))
    print(f"{sum(results)} of {len(results)} references right")
    sys.exit(not results or not all(results))


main()
